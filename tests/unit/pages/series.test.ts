import { expect, test } from 'vitest';
import { LinkMeter } from '../../../src/pages/state/linkmeter';
import { LossSeries } from '../../../src/pages/state/series';

test('points come back as columns, with null where nothing was evaluated', () => {
  const series = new LossSeries();
  series.push({ step: 1, loss: 4 });
  series.push({ step: 2, loss: 3, heldOutLoss: 3.5 });
  expect(series.columns()).toEqual([
    [1, 2],
    [4, 3],
    [null, 3.5],
  ]);
});

test('a step that was run again is not drawn twice', () => {
  const series = new LossSeries();
  for (const step of [1, 2, 2, 1, 3]) series.push({ step, loss: step });
  expect(series.columns()[0]).toEqual([1, 2, 3]);
});

test('a long run stays bounded, keeps its mean, its last step and its held-out losses', () => {
  const series = new LossSeries();
  const steps = 100_000;
  for (let step = 1; step <= steps; step++) {
    series.push({ step, loss: step, ...(step % 5000 === 0 ? { heldOutLoss: step } : {}) });
  }
  const [x, train, heldOut] = series.columns();
  expect(series.length).toBeLessThanOrEqual(2048);
  expect(x.at(-1)).toBe(steps);
  expect(x).toEqual([...x].sort((a, b) => a - b));
  expect(heldOut.filter((value) => value !== null)).toHaveLength(20);
  for (const [at, step] of x.entries()) {
    const first = (x[at - 1] ?? 0) + 1;
    expect(train[at]).toBeCloseTo((first + step) / 2, 6);
  }
});

const link = (bytesSent: number, bytesReceived: number) => ({
  peer: 'b',
  bytesSent,
  bytesReceived,
  dropped: 0,
  rttMs: 1,
  baseMs: 1,
  bytesPerMs: 1,
  windowBytes: 0,
  kind: 'direct' as const,
});

test('bytes per step are differences of the counters over steps, not over time', () => {
  const meter = new LinkMeter();
  expect(meter.read([link(1000, 500)], 10).size).toBe(0);
  expect(meter.read([link(1000, 500)], 10).size).toBe(0);
  expect(meter.read([link(1800, 900)], 14).get('b')).toEqual({ sentPerStep: 200, receivedPerStep: 100 });
});

test('a new connection to the same peer counts from zero, a lost one is forgotten', () => {
  const meter = new LinkMeter();
  meter.read([link(5000, 5000)], 1);
  expect(meter.read([link(10, 10)], 2).size).toBe(0);
  expect(meter.read([link(30, 30)], 3).get('b')).toEqual({ sentPerStep: 20, receivedPerStep: 20 });
  meter.read([], 4);
  expect(meter.read([link(90, 90)], 5).size).toBe(0);
});
