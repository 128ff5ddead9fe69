/**
 * The in-flight window on simulated links (exact arithmetic, no clock): it fills the link, keeps the queue short, never
 * overruns a drop-tail queue, follows a rate that changes, and recovers from a stall.
 */
import { describe, expect, test } from 'vitest';
import { type AckedFrame, InflightWindow, WINDOW } from '../../../src/net/wire/window';

interface SimulatedLink {
  bytesPerMs: number;
  /** Out and back, of a pipe without a queue. */
  readonly rttMs: number;
  /** No acknowledgement arrives in this time; what is due comes at its end. */
  readonly outage?: readonly [number, number];
}

interface Run {
  readonly deliveredBytes: number;
  readonly maxQueueBytes: number;
  readonly window: InflightWindow;
}

/** A sender that always has data, frames of a quarter window up to 64 KB, each acknowledged. */
function simulate(link: SimulatedLink, untilMs: number, change?: (nowMs: number) => void): Run {
  const window = new InflightWindow();
  const flights: (AckedFrame & { ackMs: number })[] = [];
  let now = 0;
  let inFlight = 0;
  let freeMs = 0;
  let delivered = 0;
  let maxQueueBytes = 0;
  const send = (sizeBytes: number) => {
    maxQueueBytes = Math.max(maxQueueBytes, Math.max(0, freeMs - now) * link.bytesPerMs);
    freeMs = Math.max(freeMs, now) + sizeBytes / link.bytesPerMs;
    inFlight += sizeBytes;
    const dueMs = freeMs + link.rttMs;
    const [from, to] = link.outage ?? [0, 0];
    const ackMs = dueMs > from && dueMs < to ? to : dueMs;
    flights.push({ sentMs: now, inFlightBytes: inFlight, sizeBytes, isBehind: flights.length > 0, ackMs });
  };
  send(40); // the probe a link starts with
  while (now < untilMs) {
    for (;;) {
      const sizeBytes = Math.min(65_536, window.bytes / 4);
      if (inFlight > 0 && inFlight + sizeBytes > window.bytes) break;
      send(sizeBytes);
    }
    const flight = flights.shift()!;
    now = flight.ackMs;
    change?.(now);
    inFlight -= flight.sizeBytes;
    delivered += flight.sizeBytes;
    window.onAck(now, flight, flight.sizeBytes, true);
  }
  return { deliveredBytes: delivered, maxQueueBytes, window };
}

const acked = (sentMs: number, inFlightBytes: number): AckedFrame => ({
  sentMs,
  inFlightBytes,
  sizeBytes: inFlightBytes,
  isBehind: false,
});

const mbps = (rate: number) => (rate * 1e6) / 8 / 1e3;

describe.each([
  [20, 20],
  [20, 40],
  [20, 100],
  [100, 20],
  [100, 40],
  [100, 100],
  [1, 40],
])('%i Mbit/s, round trip %i ms', (rate, rttMs) => {
  const link = { bytesPerMs: mbps(rate), rttMs };

  test('a minute fills the link', () => {
    const { deliveredBytes } = simulate(link, 60_000);
    expect(deliveredBytes / (link.bytesPerMs * 60_000)).toBeGreaterThan(0.9);
  });

  test('its rate is known', () => {
    const { window } = simulate(link, 60_000);
    expect(window.bytesPerMs / link.bytesPerMs).toBeGreaterThan(0.9);
    expect(window.bytesPerMs / link.bytesPerMs).toBeLessThan(1.1);
  });

  test('the queue never reaches 256 KB, the start included', () => {
    expect(simulate(link, 60_000).maxQueueBytes).toBeLessThan(256 << 10);
  });
});

test('a rate that falls to a fifth is followed: the queue comes back to its target', () => {
  const link = { bytesPerMs: mbps(100), rttMs: 40 };
  const { window } = simulate(link, 20_000, (nowMs) => {
    if (nowMs > 10_000) link.bytesPerMs = mbps(20);
  });
  const pipeBytes = link.bytesPerMs * link.rttMs;
  expect(window.bytes).toBeLessThan(pipeBytes + 1.5 * WINDOW.queueBytes);
});

test('between near peers the window stays at its start, however long the processors take', () => {
  // 1 MB/s through busy processors, once seen idle: 96 KB waiting would be a window of 97 KB
  const { window, maxQueueBytes } = simulate({ bytesPerMs: 1000, rttMs: WINDOW.nearMs / 2 }, 20_000);
  expect(window.bytes).toBe(WINDOW.startBytes);
  expect(maxQueueBytes).toBeLessThanOrEqual(WINDOW.startBytes);
});

test('a stall halves the window once, and it grows back', () => {
  const link = { bytesPerMs: mbps(20), rttMs: 40, outage: [5000, 7000] as const };
  const before = simulate(link, 4800).window.bytes;
  const after = simulate(link, 7001).window.bytes;
  expect(after / before).toBeGreaterThan(0.4);
  expect(after / before).toBeLessThan(0.6);
  expect(simulate(link, 20_000).window.bytes).toBeGreaterThan(0.9 * before);
});

test('after an idle moment the window opens step by step, not at once', () => {
  const window = new InflightWindow();
  window.onAck(10, acked(0, 40), 40, true);
  for (let now = 20; window.bytes < 1 << 20; now += 10) {
    window.onAck(now, acked(now - 10, window.bytes), window.bytes / 4, true);
  }
  window.onIdle();
  expect(window.bytes).toBe(WINDOW.startBytes);
  window.onAck(20_000, acked(19_990, WINDOW.startBytes), WINDOW.startBytes, true);
  expect(window.bytes).toBe(1.5 * WINDOW.startBytes);
});

test('without a queue in sight and without need the window stays', () => {
  const window = new InflightWindow();
  for (let i = 1; i <= 100; i++) window.onAck(i * 10, acked(i * 10 - 5, 1000), 1000, false);
  expect(window.bytes).toBe(WINDOW.startBytes);
  expect(window.rttMs).toBeCloseTo(5);
  expect(window.baseMs).toBeCloseTo(5);
});

test('frames that come one at a time, each after its bytes and the empty round trip, show the rate', () => {
  const window = new InflightWindow();
  window.onAck(10, acked(5, 40), 40, false);
  for (let i = 1; i <= 20; i++) window.onAck(1000 * i + 31, acked(1000 * i, 16_384), 16_384, false);
  expect(window.bytesPerMs).toBeCloseTo(16_384 / 26, 6);
});
