/**
 * matmul_half over the shapes, layouts and epilogues of matmul. Operands that f16 holds lose nothing, so out has the bits
 * of matmul.wgsl; what other operands lose is bounded.
 */
import { expect } from 'vitest';
import { matmul } from '../../src/gpu/kernels';
import { gpuTest, isThorough, useGpu } from '../helpers/gpu';
import { openHalfDevice } from '../helpers/halfgpu';
import { eachVariant, expectClose, random, runKernel } from '../helpers/kernelrun';
import { FORMS, MODES, type Operands, operands, productOf, reference, SHAPES, TOLERANCE } from '../helpers/products';

useGpu(openHalfDevice);

/** The text is matmul_tile1's in another type, which has all shapes (tests/unit/matmulprecision.test.ts). */
const SOME = SHAPES.filter((_, i) => i % 2 === 0);

const ALL = eachVariant(matmul);
const whole = ALL[0]!.only;
const half = ALL.find((variant) => variant.half)!.only;

/** Multiples of 2^-10 below 1: at most 10 bits, so f16 holds them. */
const held = (values: Float32Array) => values.map((value) => Math.round(value * 1024) / 1024);
const heldOf = (given: Operands): Operands => ({ ...given, a: held(given.a), b: held(given.b) });

for (const knobs of MODES) {
  gpuTest(`${JSON.stringify(knobs)}: the bits of matmul.wgsl for operands that f16 holds`, async (device) => {
    for (const shape of SOME) {
      const given = heldOf(operands(shape));
      const { result, aux } = reference(shape, knobs, given);
      const run = productOf(knobs, shape, given);
      const got = await runKernel(device, { kernel: half, ...run });
      expectClose(got.out!, result, TOLERANCE, `${shape}`);
      if (got.aux) expectClose(got.aux, aux, TOLERANCE, `${shape} pre-activation`);
      expect(got, `${shape}`).toEqual(await runKernel(device, { kernel: whole, ...run }));
    }
  });
}

gpuTest('the bias gradient beside dW: the bits of matmul.wgsl for operands that f16 holds', async (device) => {
  for (const shape of SOME) {
    const [M, N, K] = shape;
    const { a, b, out } = heldOf(operands(shape));
    const run = {
      bind: { a, b, out: new Float32Array([...out, ...random(N, 6)]) },
      params: { M, N, K, biasAt: M * N + 4 },
      knobs: { TA: 1, ACC: 1, BIASGRAD: 1 },
      out: ['out'],
      at: { out: 4 },
    };
    const got = await runKernel(device, { kernel: half, ...run });
    expect(got, `${shape}`).toEqual(await runKernel(device, { kernel: whole, ...run }));
  }
});

gpuTest('other operands are rounded, by no more than a neighbour of f16 is away', async (device) => {
  // WGSL rounds to either neighbour: 2^-10 of each operand, 2^-9 + 2^-20 of a product
  const OFF = 2 ** -9 + 2 ** -20;
  for (const shape of SOME) {
    const [M, N, K] = shape;
    const given = operands(shape);
    const run = productOf({}, shape, given);
    const { out } = await runKernel(device, { kernel: half, ...run });
    const exact = reference(shape, {}, given).result;
    const sizes = { ...given, a: given.a.map(Math.abs), b: given.b.map(Math.abs) };
    const most = reference(shape, {}, sizes).result;
    for (let i = 0; i < M * N; i++) {
      // why TOLERANCE K: the additions in f32, and numbers too small for 11 bits (2^-24)
      expect(Math.abs(out![i]! - exact[i]!), `${shape} element ${i}`).toBeLessThan(OFF * most[i]! + TOLERANCE * K);
    }
    const f32 = await runKernel(device, { kernel: whole, ...run });
    expect(out, `${shape} is rounded`).not.toEqual(f32.out);
  }
});

const tiles = ALL.filter(({ name }) => name.startsWith('matmul_half4'));
/** A processor compiles a tiling for seconds, so others than the smallest are for `npm run test:kernels`. */
for (const { name, only, fits } of isThorough ? tiles : tiles.slice(0, 1)) {
  gpuTest(`${name}: the bits of matmul_half, whatever the operands`, async (device) => {
    for (const knobs of [...FORMS, { TA: 1, ACC: 1, BIASGRAD: 1 }]) {
      const fitting = SOME.filter(([M, N, K]) => fits({ M, N, K }, knobs));
      expect(fitting.length).toBeGreaterThan(1);
      for (const shape of fitting) {
        const [M, N] = shape;
        const run = productOf(knobs, shape, operands(shape));
        const isGrad = 'BIASGRAD' in knobs;
        const out = isGrad ? new Float32Array([...run.bind.out!, ...random(N, 6)]) : run.bind.out!;
        const both = {
          ...run,
          bind: { ...run.bind, out },
          params: { ...run.params, ...(isGrad && { biasAt: M * N + run.at.out }) },
        };
        const got = await runKernel(device, { kernel: only, ...both });
        expect(got, `${shape}`).toEqual(await runKernel(device, { kernel: half, ...both }));
      }
    }
  });
}

gpuTest('the same bits twice', async (device) => {
  const [M, N, K] = SOME.at(-1)!;
  const { a, b, out } = operands([M, N, K]);
  const run = { kernel: half, bind: { a, b, out }, params: { M, N, K }, out: ['out'] };
  const [first, second] = [await runKernel(device, run), await runKernel(device, run)];
  expect(first.out).toEqual(second.out);
});
