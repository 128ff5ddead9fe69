/** Packs of trace events: what comes out is what went in, small, and bytes from strangers are refused. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { packEvents, unpackEvents } from '../../../src/trace/pack';
import type { TraceEvent } from '../../../src/trace/trace';

const count = fc.integer({ min: 0, max: 2 ** 40 });
const event = fc.record(
  {
    step: fc.integer({ min: 0, max: 1e6 }),
    rank: fc.constant(3),
    lane: fc.constantFrom('host', 'gpu', 'net'),
    name: fc.constantFrom('F', 'REDUCE', 'ring.send'),
    t0: fc.double({ min: 0, max: 1e7, noNaN: true }),
    t1: fc.double({ min: 1e7, max: 2e7, noNaN: true }),
    unit: fc.integer({ min: 0, max: 200 }),
    mb: fc.integer({ min: 0, max: 200 }),
    bytes: count,
    flops: count,
    chunk: fc.integer({ min: 0, max: 300 }),
    value: fc.double({ noNaN: true }),
    peer: fc.string({ maxLength: 12 }),
    line: fc.string({ maxLength: 40, unit: 'grapheme' }),
  },
  { requiredKeys: ['step', 'rank', 'lane', 'name', 't0', 't1'] },
) as fc.Arbitrary<TraceEvent>;

test('events come back as they were, times to the microsecond', () => {
  fc.assert(
    fc.property(fc.array(event, { minLength: 1, maxLength: 40 }), count, (events, generation) => {
      const pack = unpackEvents(packEvents(events, generation, 5000))!;
      expect(pack.generation).toBe(generation);
      const shown = ({ t0, t1, ...rest }: TraceEvent) => rest;
      expect(pack.events.map(shown)).toEqual(events.map(shown));
      for (const [i, { t0, t1 }] of pack.events.entries()) {
        expect(Math.abs(t0 - 5000 - events[i]!.t0)).toBeLessThan(0.001);
        expect(Math.abs(t1 - 5000 - events[i]!.t1)).toBeLessThan(0.002);
      }
    }),
  );
});

test('an event of a ring takes at most 20 bytes', () => {
  const events = Array.from({ length: 500 }, (_, i) => ({
    step: Math.floor(i / 60),
    rank: 1,
    lane: 'net' as const,
    name: i % 2 === 0 ? 'ring.send' : 'ring.recv',
    t0: 1234.567 + i * 0.31,
    t1: 1236.789 + i * 0.31,
    bytes: 65_280,
    chunk: i % 4,
    peer: 'a1b2c3d4e5f6',
    line: `REDUCE block${i % 6}`,
  }));
  const sizeBytes = packEvents(events, 7, performance.timeOrigin).length;
  expect(sizeBytes / events.length).toBeLessThanOrEqual(20);
  expect(sizeBytes).toBeLessThan(JSON.stringify(events).length / 7);
});

test('random, cut and flipped bytes are refused or give events, and never throw', () => {
  const good = packEvents(fc.sample(event, 30), 1, 0);
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => void unpackEvents(bytes)),
    { numRuns: 2000 },
  );
  for (let at = 0; at < good.length; at++) {
    expect(unpackEvents(good.subarray(0, at))).toBeNull();
    const flipped = good.slice();
    flipped[at]! ^= 0xff;
    unpackEvents(flipped);
  }
  expect(unpackEvents(Uint8Array.of(99, ...good.subarray(1)))).toBeNull();
});
