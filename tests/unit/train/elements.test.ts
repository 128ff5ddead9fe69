/**
 * Elements by address, under every way of cutting a model: written to a rank and read back, as files that every plan writes and
 * every plan reads, and gathered piece by piece from ranks with links between them.
 */
import { describe, expect, test } from 'vitest';
import { InputError } from '../../../src/errors';
import { makeMesh } from '../../../src/plan/mesh';
import { type ParallelPlan, parsePlan } from '../../../src/plan/plan';
import type { ByteSource } from '../../../src/storage/bytes';
import { modelFile, modelFileHeader, modelFilePieces } from '../../../src/train/files/checkpoint';
import { elementsOf, keptOf, Shard, writeShard } from '../../../src/train/files/shard';
import { parseRunFile } from '../../../src/train/runfile';
import {
  type Elements,
  fill,
  hashOf,
  OUTER_KINDS,
  partOf,
  piecesOf,
  rankElements,
  STATE_KINDS,
  stateElements,
  stateFrom,
} from '../../../src/train/state/elements';
import { gatherPieces } from '../../../src/train/state/gather';
import { wholeModel } from '../../../src/train/state/holding';
import { type Intervals, sizeOf, subtract, union } from '../../../src/train/state/intervals';
import { sharedOut } from '../../../src/train/state/reshard';
import { emptyState } from '../../../src/train/state/state';
import { holdingUnder, SINGLE } from '../../../src/train/state/sync';
import { addressesOf } from '../../../src/train/state/transfer';
import { memoryTransports } from '../../helpers/memory';
import { MemoryFile } from '../../helpers/memoryfile';

const { model } = parseRunFile({
  model: { arch: 'gpt2', layers: 3, heads: 4, dim: 16, hidden: 32, context: 8, vocab: 23, tieEmbeddings: true },
});
const FLOATS = wholeModel(model).reduce((sum, { floats }) => sum + floats, 0);
const WHOLE: Intervals = [{ from: 0, to: FLOATS }];
const PLANS: readonly ParallelPlan[] = [
  {},
  { dp: 3, zero: 1 },
  { dp: 2, zero: 3 },
  { pp: 3 },
  { tp: 4 },
  { dp: 2, pp: 2, tp: 2, zero: 2, microbatches: 2 },
].map((fields) => parsePlan(fields));
const ranksOf = ({ dp, pp, tp }: ParallelPlan) => dp * pp * tp;

/** Every element is a number of its own. */
const marked: Elements = {
  async read(kind, wanted) {
    const base = [...STATE_KINDS, ...OUTER_KINDS].indexOf(kind) * FLOATS;
    return Float32Array.from(
      wanted.flatMap(({ from, to }) => Array.from({ length: to - from }, (_, i) => base + from + i)),
    );
  },
};

async function shardsUnder(plan: ParallelPlan): Promise<readonly Shard[]> {
  const writing = Array.from({ length: ranksOf(plan) }, async (_, rank) => {
    const holding = holdingUnder(model, { plan, rank });
    const file = new MemoryFile();
    await writeShard(model, addressesOf(holding), stateElements(await stateFrom(marked, holding), holding), file);
    return Shard.open(model, `rank ${rank}`, file);
  });
  return Promise.all(writing);
}

test('pieces are the wanted addresses in order, none larger than asked', () => {
  const wanted = [
    { from: 0, to: 10 },
    { from: 20, to: 21 },
    { from: 30, to: 38 },
  ];
  const pieces = piecesOf(wanted, 4);
  expect(pieces.map(sizeOf)).toEqual([4, 4, 4, 4, 3]);
  expect(pieces[2]).toEqual([
    { from: 8, to: 10 },
    { from: 20, to: 21 },
    { from: 30, to: 31 },
  ]);
});

describe.each(PLANS)('%j', (plan) => {
  test('a rank that is filled in pieces reads back the same, also in other pieces', async () => {
    for (let rank = 0; rank < ranksOf(plan); rank++) {
      const holding = holdingUnder(model, { plan, rank });
      const state = emptyState(holding);
      const arrays = {
        readPart: async (kind: 'param' | 'mean' | 'square', unit: number, at: number, floats: number) =>
          state[kind].get(unit)!.slice(at, at + floats),
        writePart: async (kind: 'param' | 'mean' | 'square', unit: number, at: number, values: Float32Array) =>
          state[kind].get(unit)!.set(values, at),
      };
      await fill(arrays, holding, STATE_KINDS, marked);
      for (const kind of STATE_KINDS) {
        for (const piece of piecesOf(partOf(holding, kind).held, 37)) {
          expect(await rankElements(arrays, holding).read(kind, piece)).toEqual(await marked.read(kind, piece));
        }
      }
    }
  });

  test('its shards are read by every plan', async () => {
    const source = elementsOf(await shardsUnder(plan));
    for (const kind of STATE_KINDS) expect(await source.read(kind, WHOLE)).toEqual(await marked.read(kind, WHOLE));
    for (const to of PLANS) {
      const holding = holdingUnder(model, { plan: to, rank: ranksOf(to) - 1 });
      expect(await stateFrom(source, holding)).toEqual(await stateFrom(marked, holding));
    }
  });

  test('pieces gathered from its ranks are the model file', async () => {
    const size = ranksOf(plan);
    const transports = memoryTransports(size, { jitterMs: 1, seed: 5 });
    const peers = transports.map(({ self }) => self);
    const { signal } = new AbortController();
    const file = new MemoryFile();
    await file.write(modelFileHeader(model));
    const all = transports.map((transport, rank) => {
      const circuit = { transport, mesh: makeMesh(1, peers, rank, plan), signal };
      return gatherPieces(circuit, marked, {
        kind: 'param',
        // why so small: more pieces than a sender may be ahead
        pieces: modelFilePieces(model).flatMap((piece) => piecesOf(piece, 101)),
        to: 0,
        has: peers.map((_, holder) => addressesOf(holdingUnder(model, { plan, rank: holder }))),
        tag: '0/files',
        take: (values) => file.write(new Uint8Array(values.buffer)),
      });
    });
    await Promise.all(all);
    const whole = modelFile(model, await marked.read('param', WHOLE));
    expect(await file.read(0, file.sizeBytes)).toEqual(new Uint8Array(whole));
    for (const transport of transports) transport.close();
  });
});

test('the hash is that of all bytes, whatever the pieces', async () => {
  const { param } = holdingUnder(model, SINGLE);
  const digest = await crypto.subtle.digest('SHA-256', new Uint8Array((await marked.read('param', WHOLE)).buffer));
  expect(await hashOf(marked, param.held)).toBe(Buffer.from(digest).toString('hex'));
});

test.each(PLANS)('%j: shares keep every element once, replicas in equal parts', (plan) => {
  const has = Array.from({ length: ranksOf(plan) }, (_, rank) => addressesOf(holdingUnder(model, { plan, rank })));
  const shares = sharedOut(has);
  for (const kind of ['param', 'moment'] as const) {
    expect(union(shares.flatMap((share) => share[kind]))).toEqual(WHOLE);
    expect(shares.reduce((sum, share) => sum + sizeOf(share[kind]), 0)).toBe(FLOATS);
    for (const [rank, share] of shares.entries()) expect(subtract(share[kind], has[rank]![kind])).toEqual([]);
  }
  const sizes = shares.map(({ param }) => sizeOf(param));
  if (plan.pp === 1 && plan.tp === 1) expect(Math.max(...sizes) - Math.min(...sizes)).toBeLessThan(0.02 * FLOATS);
});

test('a shard of another model, a broken one and a missing part are refused', async () => {
  const other = { ...model, dim: 8, heads: 2, kvHeads: 2 };
  const file = new MemoryFile();
  await writeShard(model, { param: WHOLE, moment: [] }, marked, file);
  await expect(Shard.open(other, 'rank-0', file)).rejects.toBeInstanceOf(InputError);
  const cut: ByteSource = { sizeBytes: file.sizeBytes - 4, read: (from, to) => file.read(from, to) };
  await expect(Shard.open(model, 'rank-0', cut)).rejects.toThrow('its tensors end at');
  const source = elementsOf([await Shard.open(model, 'rank-0', file)]);
  await expect(source.read('mean', WHOLE)).rejects.toThrow(`lacks ${FLOATS} elements of mean`);
});

test('replicas that train apart keep states of their own and share the outer one, each element once', async () => {
  const plan = parsePlan({ dp: 2, outer: { every: 2, lr: 1, momentum: 0 } });
  const facts = (replica: number) => ({ replica, samples: [replica + 3], made: 4, since: 1 });
  const shards = await Promise.all(
    [0, 1].map(async (rank) => {
      const holding = holdingUnder(model, { plan, rank });
      const own = addressesOf(holding);
      const [half] = [piecesOf(WHOLE, Math.ceil(FLOATS / 2))[rank]!];
      const file = new MemoryFile();
      const source: Elements = {
        read: async (kind, wanted) =>
          (await marked.read(kind, wanted)).map((x) => (kind === 'anchor' || kind === 'momentum' ? x : x + rank / 2)),
      };
      await writeShard(model, { ...own, outer: half, apart: facts(rank) }, source, file);
      return Shard.open(model, `rank ${rank}`, file);
    }),
  );
  const { shared, replicas } = keptOf(shards);
  for (const rank of [0, 1]) {
    const { facts: kept, elements } = replicas.get(rank)!;
    expect(kept).toEqual({ samples: [rank + 3], made: 4, since: 1 });
    for (const kind of STATE_KINDS) {
      expect(await elements.read(kind, WHOLE)).toEqual((await marked.read(kind, WHOLE)).map((x) => x + rank / 2));
    }
  }
  for (const kind of OUTER_KINDS) expect(await shared.read(kind, WHOLE)).toEqual(await marked.read(kind, WHOLE));
  expect(await shared.read('param', WHOLE)).toEqual(await marked.read('anchor', WHOLE));
  expect(await shared.read('mean', WHOLE)).toEqual(await marked.read('mean', WHOLE));
});
