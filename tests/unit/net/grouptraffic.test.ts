/** Messages of collectives: to whom, how many bytes, under which step, in which form; and scatter without sums. */
import { expect, test } from 'vitest';
import { chooseForm, chunkBounds, DEFAULT_LINKS, ownedChunk } from '../../../src/net/collective/group';
import { Trace, type TraceEvent } from '../../../src/trace/trace';
import { bits, cluster, each, expectedSum, inputs, SIZES } from './groups';

test('ragged ring: 19 floats over 4 ranks send 28, 28, 29, 29 floats', async () => {
  const { groups, transports } = cluster(4, 'ring');
  await each(groups, (group) => group.allReduce(new Float32Array(19), '1/0/sum'));
  const floats = transports.map((t) => t.stats().reduce((total, link) => total + link.bytesSent, 0) / 4);
  expect(floats.sort()).toEqual([28, 28, 29, 29]);
});

test('a hop is of the step of its tag, wherever the rank is by then; of an evaluation nothing is told', async () => {
  const traces = [new Trace(), new Trace()];
  const events: TraceEvent[] = [];
  for (const trace of traces) {
    trace.step = 9;
    trace.subscribe((event) => events.push(event));
  }
  const { groups } = cluster(2, 'ring', {}, traces);
  const sum = (tag: string) => Promise.all(groups.map((group) => group.allReduce(new Float32Array(8), tag)));
  await sum('1/4/REDUCE block0');
  expect(new Set(events.map(({ step, line }) => `${step} ${line}`))).toEqual(new Set(['4 REDUCE block0']));
  const { length } = events;
  await sum('1/0/~eval3/F block0 m0/tp0');
  expect(events.length).toBe(length);
});

test('the ring talks to neighbours only, and every hop is on record', async () => {
  const traces = [0, 1, 2, 3].map(() => new Trace());
  const events: TraceEvent[][] = traces.map(() => []);
  traces.forEach((trace, r) => {
    trace.subscribe((event) => events[r]!.push(event));
  });
  const { groups, transports } = cluster(4, 'ring', {}, traces);
  await each(groups, (group) => group.allReduce(new Float32Array(40), '1/0/sum'));
  for (const [rank, transport] of transports.entries()) {
    const right = `p${(rank + 1) % 4}`;
    expect(
      transport
        .stats()
        .filter((link) => link.bytesSent > 0)
        .map((link) => link.peer),
    ).toEqual([right]);
    const sends = events[rank]!.filter((event) => event.name === 'ring.send');
    const receives = events[rank]!.filter((event) => event.name === 'ring.recv');
    // reduce-scatter sends chunks r, r-1, r-2; all-gather r+1, r, r-1
    expect(sends.map((event) => event.chunk)).toEqual([0, -1, -2, 1, 0, -1].map((d) => (rank + d + 4) % 4));
    expect(receives.map((event) => event.chunk)).toEqual([-1, -2, -3, 0, -1, -2].map((d) => (rank + d + 4) % 4));
    expect(sends.every((event) => event.bytes === 40 && event.peer === right)).toBe(true);
  }
});

test('the form is chosen from bytes, size and the declared setting alone', () => {
  expect(chooseForm(64 << 10, 4, DEFAULT_LINKS)).toBe('direct');
  expect(chooseForm(16 << 20, 4, DEFAULT_LINKS)).toBe('ring');
  expect(chooseForm(16 << 20, 4, { ...DEFAULT_LINKS, latencyMs: 500 })).toBe('direct');
  expect(chooseForm(64, 4, { ...DEFAULT_LINKS, form: 'ring' })).toBe('ring');
  expect(chooseForm(16 << 20, 4, { ...DEFAULT_LINKS, form: 'direct' })).toBe('direct');
});

test('scatter gives the owner of a chunk every contribution in ring order, for the bytes of a reduce-scatter', async () => {
  for (const size of SIZES) {
    for (const n of [0, 3, 840, 60_000]) {
      const xs = inputs(size, n, 5);
      const given = xs.map((x) => x.slice());
      const { groups, transports } = cluster(size, 'auto', { jitterMs: 1, seed: size });
      const scattered = await each(groups, (group, r) => group.scatter(xs[r]!, '1/0/scatter'));
      for (const [r, parts] of scattered.entries()) {
        const c = ownedChunk(r, size);
        const bounds = chunkBounds(n, size, c);
        expect(parts).toHaveLength(size);
        for (const [k, part] of parts.entries()) {
          expect(bits(part).equals(bits(given[(c + k) % size]!.slice(...bounds)))).toBe(true);
        }
      }
      const sent = transports.flatMap((t) => t.stats()).reduce((total, link) => total + link.bytesSent, 0);
      expect(sent).toBe((size - 1) * n * 4);
    }
  }
});

test('over a ring scatter is the one sum', async () => {
  const xs = inputs(4, 19);
  const expected = expectedSum(xs);
  const { groups } = cluster(4, 'ring');
  const scattered = await each(groups, (group, r) => group.scatter(xs[r]!, '1/0/scatter'));
  for (const [r, parts] of scattered.entries()) {
    expect(parts).toEqual([expected.subarray(...chunkBounds(19, 4, ownedChunk(r, 4)))]);
  }
});
