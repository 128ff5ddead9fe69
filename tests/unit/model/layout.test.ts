/** Flat layout, splits, initial values, Hugging Face names, sorted tokens: pure arithmetic of the model. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { ModelConfig } from '../../../src/model/config';
import { initialValue } from '../../../src/model/init';
import { sortByToken } from '../../../src/model/inputs';
import { floatsOf, layoutOf } from '../../../src/model/layout';
import { recordModel, unitSizes } from '../../../src/model/model';
import { namedTensors } from '../../../src/model/names';
import { type Cut, copiedRange, eachPiece, localShape, type Split } from '../../../src/model/split';
import { sumsqRanges } from '../../../src/model/sumsq';

const GPT2_SMALL: ModelConfig = {
  arch: 'gpt2',
  layers: 12,
  heads: 12,
  kvHeads: 12,
  dim: 768,
  hidden: 3072,
  context: 1024,
  vocab: 50257,
  tieEmbeddings: true,
  ropeTheta: 10000,
};
const LLAMA: ModelConfig = {
  ...{ arch: 'llama', layers: 2, heads: 8, kvHeads: 2, dim: 32, hidden: 40, context: 9, vocab: 13 },
  ...{ tieEmbeddings: false, ropeTheta: 10000 },
} as const;

/** What `eachPiece` visits, as a list. */
function pieces(shape: readonly number[], split: Split | undefined, cut: Cut) {
  const found: { local: number; global: number; floats: number }[] = [];
  eachPiece(shape, split, cut, (local, global, floats) => found.push({ local, global, floats }));
  return found;
}

test('GPT-2 small has 124,439,808 parameters', () => {
  const floats = recordModel(GPT2_SMALL, 1).flatMap(({ params }) => params.map(({ global }) => floatsOf(global)));
  expect(floats.reduce((sum, count) => sum + count, 0)).toBe(124_439_808);
  const named = namedTensors(GPT2_SMALL).map(({ shape }) => floatsOf(shape));
  expect(named.reduce((sum, count) => sum + count, 0)).toBe(124_439_808);
});

test('decayed tensors come first, each at a multiple of 4, padded to 4 dp floats', () => {
  for (const dp of [1, 2, 3, 8]) {
    for (const unit of recordModel({ ...GPT2_SMALL, layers: 1, dim: 60, heads: 3, hidden: 50, vocab: 97 }, 1)) {
      const layout = layoutOf(unit.params, dp);
      let end = 0;
      for (const { param, at, floats } of layout.ranges) {
        expect(at % 4).toBe(0);
        expect(at - end).toBeGreaterThanOrEqual(0);
        expect(at - end).toBeLessThan(4);
        expect(param.shape.length >= 2).toBe(at < layout.decay);
        end = at + floats;
      }
      expect(layout.floats % (4 * dp)).toBe(0);
      expect(layout.floats - end).toBeLessThan(4 + 4 * dp);
    }
  }
});

test('the parts of a split are disjoint and together the whole', () => {
  const shapes = fc.record({
    size: fc.integer({ min: 1, max: 6 }),
    blocks: fc.array(fc.integer({ min: 6, max: 20 }), { minLength: 1, maxLength: 3 }),
    other: fc.integer({ min: 1, max: 5 }),
    dim: fc.constantFrom(0, 1),
  });
  fc.assert(
    fc.property(shapes, ({ size, blocks, other, dim }) => {
      const length = blocks.reduce((sum, block) => sum + block, 0);
      const shape = dim === 0 ? [length, other] : [other, length];
      const split = { dim, blocks };
      const owners = new Array<number>(length * other).fill(0);
      for (let rank = 0; rank < size; rank++) {
        const cut = { size, rank };
        let next = 0;
        for (const { local, global, floats } of pieces(shape, split, cut)) {
          expect(local).toBe(next);
          next += floats;
          for (let i = 0; i < floats; i++) owners[global + i]!++;
        }
        expect(next).toBe(floatsOf(localShape(shape, split, cut)));
      }
      expect(owners.every((count) => count === 1)).toBe(true);
    }),
  );
});

test('fused q, k, v are split by head: each rank has the same heads of all three', () => {
  // 4 heads of size 2, two ranks: channels 0..3 and 4..7 of each block
  const split = { dim: 1, blocks: [8, 8, 8] };
  const globals = pieces([1, 24], split, { size: 2, rank: 1 }).map(({ global, floats }) => [global, floats]);
  expect(globals).toEqual([
    [4, 4],
    [12, 4],
    [20, 4],
  ]);
});

test('with more ranks than key/value heads, neighbours hold copies and one of them counts', () => {
  const ranks = [0, 1, 2, 3].map((rank) => recordModel(LLAMA, 1, { size: 4, rank })[1]!);
  const qkv = ranks.map(({ params }) => params.find(({ name }) => name === 'attn.qkv.w')!);
  // 2 of 8 query heads and 1 of 2 key/value heads, each of size 4
  for (const { shape } of qkv) expect(shape).toEqual([8 + 4 + 4, 32]);
  const copied = qkv.map(({ global, split }, rank) => copiedRange(global, split, { size: 4, rank })!);
  expect(copied.map(({ part, first }) => [part, first])).toEqual([
    [0, true],
    [0, false],
    [1, true],
    [1, false],
  ]);
  for (const range of copied) expect([range.at, range.floats, range.parts]).toEqual([8 * 32, 8 * 32, 2]);
});

test('every parameter counts once in the norm, however the model is cut', () => {
  for (const config of [LLAMA, { ...LLAMA, arch: 'gpt2' as const, kvHeads: 8 }]) {
    for (const [dp, tp] of [
      [1, 1],
      [3, 1],
      [1, 2],
      [2, 4],
    ] as const) {
      let counted = 0;
      for (let rank = 0; rank < tp; rank++) {
        const units = recordModel(config, 1, { size: tp, rank });
        for (let part = 0; part < dp; part++) {
          units.forEach((unit, index) => {
            const sharding = { zero: 0 as const, parts: dp, part };
            const layout = layoutOf(unit.params, dp);
            // why: padding is zero and counts for nothing; count only what is a parameter
            for (const { at, floats } of sumsqRanges(
              { units, sharding, local: false, cut: { size: tp, rank } },
              index,
            )) {
              for (const range of layout.ranges) {
                const overlap = Math.min(at + floats, range.at + range.floats) - Math.max(at, range.at);
                counted += Math.max(0, overlap);
              }
            }
          });
        }
      }
      const all = recordModel(config, 1).flatMap(({ params }) => params.map(({ global }) => floatsOf(global)));
      expect(counted).toBe(all.reduce((sum, count) => sum + count, 0));
    }
  }
});

test('initial values depend on seed, name and global index only, and are normal with the stated deviation', () => {
  const value = initialValue(7, 8, 'block3', 'mlp.proj.w');
  const values = Array.from({ length: 20000 }, (_, i) => value(i));
  const mean = values.reduce((sum, x) => sum + x, 0) / values.length;
  const std = Math.sqrt(values.reduce((sum, x) => sum + (x - mean) ** 2, 0) / values.length);
  // 0.02 / sqrt(2 * 8) = 0.005; 20,000 samples give the deviation to 0.5 % and the mean to 0.7 % of it
  expect(Math.abs(std / 0.005 - 1)).toBeLessThan(0.02);
  expect(Math.abs(mean) / 0.005).toBeLessThan(0.03);
  expect(value(12)).toBe(values[12]);
  expect(initialValue(8, 8, 'block3', 'mlp.proj.w')(12)).not.toBe(values[12]);
  expect(initialValue(7, 8, 'block4', 'mlp.proj.w')(12)).not.toBe(values[12]);
  expect(initialValue(7, 8, 'block3', 'ln1.g')(3)).toBe(1);
  expect(initialValue(7, 8, 'block3', 'attn.qkv.b')(3)).toBe(0);
});

test('Hugging Face names and shapes', () => {
  const shapeOf = (config: ModelConfig, name: string) => namedTensors(config).find((t) => t.name === name)?.shape;
  expect(shapeOf(GPT2_SMALL, 'transformer.h.11.attn.c_attn.weight')).toEqual([768, 2304]);
  expect(shapeOf(GPT2_SMALL, 'lm_head.weight')).toBeUndefined();
  expect(shapeOf(LLAMA, 'model.layers.1.self_attn.k_proj.weight')).toEqual([8, 32]);
  expect(shapeOf(LLAMA, 'model.layers.1.mlp.up_proj.weight')).toEqual([40, 32]);
  expect(shapeOf(LLAMA, 'lm_head.weight')).toEqual([13, 32]);
  const up = namedTensors(LLAMA).find(({ name }) => name === 'model.layers.0.mlp.up_proj.weight')!;
  expect([up.param, up.at]).toEqual(['mlp.fc.w', 40 * 32]);
});

test('sizes for the planner: a block costs 1, a tied head names its table', () => {
  const units = unitSizes(GPT2_SMALL, 1);
  expect(units.map(({ name }) => name).slice(0, 2)).toEqual(['embed', 'block0']);
  expect(units[1]!.cost).toBe(1);
  expect(units[1]!.paramFloats).toBe(7_087_872);
  expect(units.at(-1)!.table).toEqual({ unit: 0, floats: 50257 * 768 });
  // a token: five products with the table and its loss, against three times 24 C^2, nine times C T, and its output
  const [V, C, T] = [50257, 768, 1024];
  expect(units.at(-1)!.cost).toBeCloseTo((10 * V * C + 1) / (72 * C ** 2 + 9 * C * T + C), 10);
});

test('rows sorted by (token, position); tokens of other ranks are in no run', () => {
  const tokens = Uint32Array.from([5, 2, 5, 9, 4, 2]);
  const { order, starts } = sortByToken(tokens, 2, 4);
  expect([...starts]).toEqual([0, 2, 2, 3, 5]);
  expect([...order.subarray(0, 5)]).toEqual([1, 5, 4, 0, 2]);
});
