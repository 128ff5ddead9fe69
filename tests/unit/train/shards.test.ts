/** REDUCE in fewer bits: what a rank's gradient becomes on the device is the coded sum, under every way of sharding it. */
import { expect, test } from 'vitest';
import type { Instance } from '../../../src/model/instance';
import { codecOf } from '../../../src/net/collective/codec';
import { makeGroup, ownedChunk } from '../../../src/net/collective/group';
import { makeMesh } from '../../../src/plan/mesh';
import { parsePlan } from '../../../src/plan/plan';
import { Trace } from '../../../src/trace/trace';
import { type Cluster, Codings } from '../../../src/train/rank/cluster';
import { Shards } from '../../../src/train/rank/shards';
import { memoryTransports } from '../../helpers/memory';

const RANKS = 3;
const FLOATS = 12 * RANKS;

const gradient = (rank: number, turn: number) =>
  Float32Array.from({ length: FLOATS }, (_, i) => Math.sin(1 + rank * 5 + turn * 3 + i) * 10 ** (i % 3));

/** What the ranks write back of one sum after another: the whole gradient, or with zero 1 their own part of it. */
async function reduce(zero: 0 | 1, wire: 'f32' | 'int8', keepsLoss = false, turns = 1) {
  const plan = parsePlan({ dp: RANKS });
  const transports = memoryTransports(RANKS, { jitterMs: 1, seed: 2 });
  const peers = transports.map(({ self }) => self);
  const { signal } = new AbortController();
  const all = peers.map((_, rank) => rank);
  const written: Float32Array[] = [];
  await Promise.all(
    transports.map(async (transport, rank) => {
      const mesh = makeMesh(1, peers, rank, plan);
      const group = makeGroup(transport, mesh, 'dp', all, signal);
      const codings = { reduce: new Codings(wire, keepsLoss), outer: new Codings('f32', false) };
      const cluster: Cluster = {
        mesh,
        transport,
        dp: group,
        tp: group,
        world: group,
        signal,
        trace: new Trace(),
        codings,
      };
      let turn = 0;
      const device = {
        options: { sharding: { zero }, microbatches: 1 },
        whole: () => ({ floats: FLOATS }),
        own: () => ({}),
        copiedGrads: () => [],
        stream: {
          read: async (_: object, host: Float32Array) => host.set(gradient(rank, turn)),
          write: (_: object, values: Float32Array) => {
            written[rank] = values.slice();
          },
        },
      };
      const shards = new Shards(device as unknown as Instance, cluster);
      for (; turn < turns; turn++) {
        shards.begin();
        shards.startReduce(0, `1/${turn}/REDUCE x`);
        await shards.reduced();
        codings.reduce.commit();
      }
    }),
  );
  return written;
}

const relative = (a: Float32Array, b: Float32Array) => Math.hypot(...a.map((x, i) => x - b[i]!)) / Math.hypot(...b);

test('int8 gives all ranks one sum near that of f32', async () => {
  const [plain, coded] = [await reduce(0, 'f32'), await reduce(0, 'int8')];
  for (const x of coded) expect(x).toEqual(coded[0]);
  expect(coded[0]).not.toEqual(plain[0]);
  // two roundings to 1/254 of a block's largest value
  expect(relative(coded[0]!, plain[0]!)).toBeLessThan(1e-2);
});

test('with zero 1 a rank gets its part of the sum of coded gradients, not coded again', async () => {
  const coded = await reduce(1, 'int8');
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
  const plain = await reduce(0, 'f32', false, 2);
  const [without, kept] = [await reduce(0, 'int8', false, 2), await reduce(0, 'int8', true, 2)];
  for (const x of kept) expect(x).toEqual(kept[0]);
  expect(kept[0]).not.toEqual(without[0]);
  expect(relative(kept[0]!, plain[0]!)).toBeLessThan(2e-2);
});
