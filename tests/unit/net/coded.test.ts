/**
 * Coded sums against numpy (tests/reference/int8.py) bit by bit, with and without error feedback; all ranks hold the same bits
 * whatever arrives first; bytes are those of the formula; what is not finite is never hidden.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { type Codec, codecOf, integerCodec } from '../../../src/net/collective/codec';
import { Feedback } from '../../../src/net/collective/feedback';
import { DEFAULT_LINKS, makeGroup } from '../../../src/net/collective/group';
import { makeMesh } from '../../../src/plan/mesh';
import { parsePlan } from '../../../src/plan/plan';
import { wireBytes } from '../../../src/plan/wire';
import { memoryTransports } from '../../helpers/memory';

interface Reference {
  readonly block: number;
  readonly x: readonly (readonly (readonly number[])[])[];
  readonly codes: readonly number[];
  readonly resultBits: readonly (readonly number[])[];
  readonly feedbackBits: readonly (readonly number[])[];
}

const reference: Reference = JSON.parse(readFileSync(join(import.meta.dirname, '../../reference/int8.json'), 'utf8'));

function cluster(size: number, jitterMs = 0, seed = 1) {
  const transports = memoryTransports(size, { jitterMs, seed });
  const peers = transports.map(({ self }) => self);
  const plan = parsePlan({ dp: size });
  const all = peers.map((_, rank) => rank);
  const { signal } = new AbortController();
  // why the ring's form: a coded sum is direct all the same
  const links = { ...DEFAULT_LINKS, form: 'ring' as const };
  const groups = transports.map((transport, rank) =>
    makeGroup(transport, makeMesh(1, peers, rank, plan), 'dp', all, signal, { links }),
  );
  return { transports, groups };
}

async function sum(inputs: readonly Float32Array[], codec: Codec, feedbacks?: readonly Feedback[], jitterMs = 0) {
  const { groups, transports } = cluster(inputs.length, jitterMs, inputs[0]!.length);
  const arrays = inputs.map((x) => x.slice());
  await Promise.all(
    groups.map((group, rank) => group.allReduce(arrays[rank]!, '1/0/x', { codec, feedback: feedbacks?.[rank] })),
  );
  return { arrays, sent: transports.map((one) => one.stats().reduce((total, { bytesSent }) => total + bytesSent, 0)) };
}

const bitsOf = (x: Float32Array) => [...new Uint32Array(x.buffer, x.byteOffset, x.length)];

/** Numbers of many sizes, the same every time. */
function numbers(length: number, seed: number): Float32Array {
  let state = seed;
  return Float32Array.from({ length }, () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return (state / 2 ** 32 - 0.5) * 10 ** ((state >>> 8) % 4);
  });
}

describe('against numpy, bit by bit', () => {
  const codec = integerCodec(8, reference.block);
  const arraysOf = (step: number) => reference.x[step]!.map((x) => Float32Array.from(x));

  test('codes round ties to even', () => {
    const [first] = arraysOf(0);
    const bytes = codec.encode(first!);
    const scales = 4 * Math.ceil(first!.length / reference.block);
    expect([...new Int8Array(bytes.buffer, scales)]).toEqual(reference.codes);
  });

  test('sums of three ranks', async () => {
    for (const [step, bits] of reference.resultBits.entries()) {
      const { arrays } = await sum(arraysOf(step), codec, undefined, 2);
      for (const x of arrays) expect(bitsOf(x)).toEqual(bits);
    }
  });

  test('with error feedback, step after step; a step that did not commit leaves nothing', async () => {
    const feedbacks = arraysOf(0).map(() => new Feedback());
    for (const [step, bits] of reference.feedbackBits.entries()) {
      await sum(arraysOf((step + 1) % 3), codec, feedbacks);
      const { arrays } = await sum(arraysOf(step), codec, feedbacks);
      for (const x of arrays) expect(bitsOf(x)).toEqual(bits);
      for (const feedback of feedbacks) feedback.commit();
    }
  });
});

describe.each(['f16', 'int8', 'int4'] as const)('%s', (wire) => {
  const codec = codecOf(wire)!;

  test.each([1, 2, 3, 4, 5])('%i ranks hold the same bits, near the sum, however messages are late', async (size) => {
    for (const length of [0, 1, 7, 64, 1000, ...(size === 3 ? [40_000] : [])]) {
      const inputs = Array.from({ length: size }, (_, rank) => numbers(length, rank + 1));
      const [a, b] = [await sum(inputs, codec), await sum(inputs, codec, undefined, 3)];
      for (const x of [...a.arrays, ...b.arrays]) expect(bitsOf(x)).toEqual(bitsOf(a.arrays[0]!));
      const exact = inputs[0]!.map((_, i) => inputs.reduce((total, x) => total + x[i]!, 0));
      const error = Math.hypot(...exact.map((x, i) => x - a.arrays[0]![i]!)) / (Math.hypot(...exact) || 1);
      // two roundings of a block's largest value, 1/2^11, 1/254, 1/14 of it, where most values are far smaller
      if (size > 1) expect(error).toBeLessThan({ f16: 1e-3, int8: 2e-2, int4: 3e-1 }[wire]);
    }
  });

  test('bytes are those of the formula', async () => {
    const [size, length] = [4, 64 * 400];
    const { sent } = await sum(
      Array.from({ length: size }, (_, rank) => numbers(length, rank)),
      codec,
    );
    const expected = ((2 * (size - 1)) / size) * wireBytes(length, wire);
    for (const bytes of sent) expect(Math.abs(bytes / expected - 1)).toBeLessThan(0.02);
  });

  test.each([Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, Number.NaN])('%f is NaN at everybody', async (bad) => {
    const inputs = [numbers(200, 1), numbers(200, 2), numbers(200, 3)];
    inputs[2]![70] = bad;
    const { arrays } = await sum(inputs, codec);
    for (const x of arrays) expect(x[70]).toBeNaN();
    for (const x of arrays) expect(bitsOf(x)).toEqual(bitsOf(arrays[0]!));
  });

  test('zeros and the smallest numbers are 0, signs stay', () => {
    const round = (values: readonly number[]) => {
      const x = Float32Array.from(values);
      return [...codec.decode(codec.encode(x), x.length, 'x')].map((value) => value + 0);
    };
    expect(round([0, 0, 0])).toEqual([0, 0, 0]);
    expect(round([1, -1, 1])).toEqual([1, -1, 1]);
    if (wire !== 'f16') expect(round([1e-40, -1e-40])).toEqual([0, 0]);
  });

  test('another length is refused', () => {
    expect(() => codec.decode(new Uint8Array(5), 64, '1/0/x')).toThrow(
      'message "1/0/x" has 5 bytes of coded floats where',
    );
  });
});

test('f16 keeps sums beyond 65,504 to one part in two thousand', () => {
  const codec = codecOf('f16')!;
  const x = Float32Array.from([3e7, -1.25e6, 4097, 1]);
  const y = codec.decode(codec.encode(x), 4, 'x');
  for (const [i, value] of x.entries())
    expect(Math.abs(y[i]! - value)).toBeLessThanOrEqual(Math.max(Math.abs(value) / 2048, 2));
});
