/** REDUCE and GATHER of one unit: in rounds the same bits as at once, and in fewer bits the coded sum. */
import { expect, test } from 'vitest';
import type { Instance } from '../../../src/model/instance';
import { codecOf } from '../../../src/net/collective/codec';
import { makeGroup, ownedChunk } from '../../../src/net/collective/group';
import { makeMesh } from '../../../src/plan/mesh';
import { parsePlan } from '../../../src/plan/plan';
import { Trace } from '../../../src/trace/trace';
import { type Cluster, Codings } from '../../../src/train/rank/cluster';
import { HostArrays, roundsOf } from '../../../src/train/rank/rounds';
import { Shards } from '../../../src/train/rank/shards';
import { memoryTransports } from '../../helpers/memory';

const RANKS = 3;
const FLOATS = 12 * RANKS;

const gradient = (rank: number, turn: number) =>
  Float32Array.from({ length: FLOATS }, (_, i) => Math.sin(1 + rank * 5 + turn * 3 + i) * 10 ** (i % 3));

interface Case {
  readonly zero: 0 | 1 | 2 | 3;
  readonly wire?: 'f32' | 'int8';
  readonly keepsLoss?: boolean;
  readonly turns?: number;
  /** Floats of a round; all of the unit if left out. */
  readonly roundFloats?: number;
}

interface FakePlace {
  readonly buffer: Float32Array;
  readonly at: number;
  readonly floats: number;
}
const placeIn = (buffer: Float32Array) => ({ buffer, at: 0, floats: buffer.length });
const viewOf = ({ buffer, at, floats }: FakePlace) => buffer.subarray(at, at + floats);

/** One unit on a device of host arrays. */
function fakeDevice(zero: number, rank: number) {
  const chunk = ownedChunk(rank, RANKS);
  const shard = { at: 12 * chunk, floats: 12 };
  const grad = new Float32Array(FLOATS);
  const param = new Float32Array(FLOATS);
  const own = (of: Float32Array) => ({ buffer: of, ...(zero === 0 ? { at: 0, floats: FLOATS } : shard) });
  // zero 2 and 3 keep their shard of the gradient in a buffer of its own, zero 3 that of the parameters, too
  const kept = { grad: new Float32Array(12), param: new Float32Array(12) };
  const stream = {
    read: async (place: FakePlace, into: Float32Array) => into.set(viewOf(place)),
    readMany: async (places: FakePlace[], into: Float32Array[]) =>
      places.forEach((place, i) => void into[i]!.set(viewOf(place))),
    write: (place: FakePlace, values: Float32Array) => viewOf(place).set(values),
    clear: (place: FakePlace) => viewOf(place).fill(0),
  };
  const instance = {
    options: { sharding: { zero }, microbatches: 1 },
    placement: { shard: () => shard },
    whole: (role: 'grad' | 'param') => placeIn(role === 'grad' ? grad : param),
    own: (role: 'grad' | 'param') =>
      zero === 3 || (zero === 2 && role === 'grad') ? placeIn(kept[role]) : own(role === 'grad' ? grad : param),
    copiedGrads: () => [],
    stream,
  };
  return {
    instance: instance as unknown as Instance,
    grad,
    param,
    reduced: viewOf(instance.own('grad')),
    ownOf: instance.own,
  };
}

/** By rank: the sum of gradients on the device (with zero 1 to 3 the rank's part of it), and the gathered parameters. */
async function exchange({ zero, wire = 'f32', keepsLoss = false, turns = 1, roundFloats }: Case) {
  const plan = parsePlan({ dp: RANKS });
  const transports = memoryTransports(RANKS, { jitterMs: 1, seed: 2 });
  const peers = transports.map(({ self }) => self);
  const { signal } = new AbortController();
  const all = peers.map((_, rank) => rank);
  return Promise.all(
    transports.map(async (transport, rank) => {
      const mesh = makeMesh(1, peers, rank, plan);
      const group = makeGroup(transport, mesh, 'dp', all, signal);
      const codings = { reduce: new Codings(codecOf(wire), keepsLoss), outer: new Codings(undefined, false) };
      const trace = new Trace();
      const cluster: Cluster = { mesh, transport, dp: group, tp: group, world: group, signal, trace, codings };
      const device = fakeDevice(zero, rank);
      const shards = new Shards(device.instance, cluster, roundFloats);
      for (let turn = 0; turn < turns; turn++) {
        device.grad.set(gradient(rank, turn));
        shards.begin();
        await shards.startReduce(0, `1/${turn}/REDUCE x`);
        await shards.reduced();
        codings.reduce.commit();
      }
      if (zero > 0) {
        viewOf(device.ownOf('param')).set(device.reduced);
        await shards.startGather(0, `1/${turns}/GATHER x`);
      }
      return { sum: device.reduced, param: device.param };
    }),
  );
}

const reduce = async (given: Case) => (await exchange(given)).map(({ sum }) => sum);

const relative = (a: Float32Array, b: Float32Array) => Math.hypot(...a.map((x, i) => x - b[i]!)) / Math.hypot(...b);

test('int8 gives all ranks one sum near that of f32', async () => {
  const [plain, coded] = [await reduce({ zero: 0 }), await reduce({ zero: 0, wire: 'int8' })];
  for (const x of coded) expect(x).toEqual(coded[0]);
  expect(coded[0]).not.toEqual(plain[0]);
  // two roundings to 1/254 of a block's largest value
  expect(relative(coded[0]!, plain[0]!)).toBeLessThan(1e-2);
});

test('with zero 1 a rank gets its part of the sum of coded gradients, not coded again', async () => {
  const coded = await reduce({ zero: 1, wire: 'int8' });
  const codec = codecOf('int8')!;
  for (const [rank, x] of coded.entries()) {
    const chunk = ownedChunk(rank, RANKS);
    const [from, to] = [12 * chunk, 12 * (chunk + 1)];
    const parts = [0, 1, 2].map((k) => (chunk + k) % RANKS).map((of) => gradient(of, 0).slice(from, to));
    const [a, b, c] = parts.map((part) => codec.decode(codec.encode(part), 12, 'x'));
    expect(x).toEqual(a!.map((value, i) => Math.fround(value + b![i]!) + c![i]!));
  }
});

test('with feedback what one sum lost is added to the next, alike on all ranks', async () => {
  const plain = await reduce({ zero: 0, turns: 2 });
  const [without, kept] = [
    await reduce({ zero: 0, wire: 'int8', turns: 2 }),
    await reduce({ zero: 0, wire: 'int8', keepsLoss: true, turns: 2 }),
  ];
  for (const x of kept) expect(x).toEqual(kept[0]);
  expect(kept[0]).not.toEqual(without[0]);
  expect(relative(kept[0]!, plain[0]!)).toBeLessThan(2e-2);
});

test.each([0, 1, 2, 3] as const)('in rounds, zero %i gives the same bits as at once', async (zero) => {
  const once = await exchange({ zero });
  // 36 floats in chunks of 12: rounds of 5, 5 and 2 floats of each chunk
  const rounds = await exchange({ zero, roundFloats: 15 });
  expect(rounds).toEqual(once);
  if (zero > 0) for (const { param } of once) expect(param).toEqual(once[0]!.param);
});

test('rounds have every element once, in its chunk', () => {
  const rounds = roundsOf(36, 3, 15);
  expect(rounds.map(({ floats }) => floats)).toEqual([15, 15, 6]);
  const of = (chunk: number) =>
    rounds.flatMap(({ stretches }) => {
      const { at, floats } = stretches[chunk]!;
      return Array.from({ length: floats }, (_, i) => at + i);
    });
  for (const chunk of [0, 1, 2]) expect(of(chunk)).toEqual(Array.from({ length: 12 }, (_, i) => 12 * chunk + i));
});

test('host arrays are bounded, given out in order, and a larger one gets its turn alone', async () => {
  const arrays = new HostArrays(10);
  const [first, second] = [await arrays.take(4), await arrays.take(6)];
  const order: string[] = [];
  const large = Promise.resolve(arrays.take(25)).then((array) => {
    order.push('large');
    return array;
  });
  const small = Promise.resolve(arrays.take(1)).then(() => order.push('small'));
  arrays.give(first);
  await new Promise(setImmediate);
  // why not the small one: it was asked for later
  expect(order).toEqual([]);
  arrays.give(second);
  arrays.give(await large);
  await small;
  expect(order).toEqual(['large', 'small']);
  expect(arrays.take(6)).toBeInstanceOf(Float32Array);
  expect(arrays.take(4)).toBeInstanceOf(Promise);
});
