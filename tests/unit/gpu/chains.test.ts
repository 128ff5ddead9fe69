/**
 * On graphics chips no thread waits for more than 64 loads one after the other, at the sizes of the bench's models: a chain
 * costs about 0.3 us a load, whatever the chip. Products and attention are left out, since they load the next tiles while
 * they compute; so is the embedding's backward, whose chain is an eighth of the rows of the commonest token.
 */
import { expect, test } from 'vitest';
import type { Kernel, Knobs, Params } from '../../../src/gpu/kernel';
import * as k from '../../../src/gpu/kernels';
import { guard } from '../../../src/gpu/kernels.guard';
import { xentGrad, xentMax, xentSum } from '../../../src/gpu/kernels.split';
import { candidates, pipelineKey } from '../../../src/gpu/pipeline';
import { shaderOf } from '../../../src/gpu/shaders';
import { CHIP, dispatches } from '../../bench/gpu/shaders';
import { longestChain } from '../../helpers/chains';

const MOST = 64;
const LEFT_OUT = /^(matmul|attention|embed_back)/;
/** GPT-2's table, and a microbatch of it. */
const [TABLE, ROWS, VOCAB] = [50_257 * 768, 16_384, 50_257];

/** The chains of every way in which a chip may run a dispatch, by the names of the ways. */
function chainsOf(
  kernel: Kernel,
  taped: Knobs,
  params: Params,
  data: Knobs = {},
): readonly (readonly [string, number])[] {
  return candidates(CHIP, kernel, taped, params).flatMap(({ file, knobs: own }) => {
    const knobs = { ...own, ...taped, ...kernel.knobsFor?.(params) };
    const grid = kernel.grid(params, knobs);
    if (LEFT_OUT.test(file) || grid[0] === 0) return [];
    const name = `${pipelineKey({ file, knobs })} ${JSON.stringify(params)}`;
    return [[name, longestChain(shaderOf({ ...kernel, file }, knobs), { params, grid, data })]];
  });
}

test('the chains of made-up kernels', () => {
  const chain = (body: string, params: Params = { n: 1000 }) => {
    const wgsl = `
      @group(0) @binding(0) var<storage, read> x: array<f32>;
      const WG: u32 = 50u;
      fn part(i: u32, n: u32) -> f32 { var s = 0.0; for (var j = 0u; j < n; j++) { s += x[i + j]; } return s; }
      fn main(index: u32) { ${body} }`;
    return longestChain(wgsl, { params, grid: [1] });
  };
  expect(chain('let a = x[index]; let b = x[index + 1u];')).toBe(1);
  expect(chain('for (var i = index; i < p.n; i += WG) { s += x[i] + x[i + 1u]; }')).toBe(20);
  expect(chain('for (var i = 0u; i < WG; i++) { s += x[i]; }')).toBe(1);
  expect(chain('for (var i = 0u; i < p.n; i++) { for (var j = 0u; j < 4u; j++) { s += x[i + j]; } }')).toBe(1000);
  expect(chain('s = part(index, p.n / 4u);')).toBe(250);
  expect(chain('if (index < 4u) { s = part(index, 30u); return; } s = part(index, p.n);')).toBe(1000);
  expect(chain('if (WG == 50u) { s = x[0]; return; } s = part(index, p.n);')).toBe(1);
  expect(chain('for (var i = 0u; i < p.n; i++) { y[i] = 1.0; }')).toBe(0);
  expect(() => chain('for (var i = 0u; i < u32(x[0]); i++) { s += x[i]; }')).toThrow(/its turns do not follow/);
});

test('no thread of a step has a chain of more than 64 loads', () => {
  const step = dispatches().flatMap(({ kernel, taped, params }) => chainsOf(kernel, taped, params));
  const beside = [
    ...chainsOf(k.sum, {}, { n: ROWS }),
    ...chainsOf(k.sumsq, {}, { count: 1, odd: 0 }, { 'range.y': TABLE / 4 }),
    ...chainsOf(k.adamw, {}, { count: 1, longest: TABLE }, { 'at.w': TABLE / 4 }),
    ...chainsOf(guard, {}, { partials: 14 * k.SUMSQ_PARTIALS, losses: 4, rows: 14 }),
    ...chainsOf(k.colsum, {}, { R: ROWS, C: 768 }),
    ...[xentMax, xentSum, xentGrad].flatMap((kernel) =>
      chainsOf(kernel, {}, { R: 2048, V: Math.ceil(VOCAB / 2), lo: 0 }),
    ),
  ];
  const all = new Map([...step, ...beside]);
  expect(all.size).toBeGreaterThan(40);
  expect([...all].filter(([, loads]) => loads > MOST)).toEqual([]);
});
