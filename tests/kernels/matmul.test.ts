/** matmul over odd shapes x layouts x epilogues, every variant in f32, against float64. */
import { expect } from 'vitest';
import type { Knobs } from '../../src/gpu/kernel';
import { matmul, partsFold } from '../../src/gpu/kernels';
import { bothTest, gpuTest, useGpu } from '../helpers/gpu';
import { eachVariant, expectClose, random, runKernel } from '../helpers/kernelrun';
import { ACTIVATED, FORMS, MODES, operands, productOf, reference, SHAPES, TOLERANCE } from '../helpers/products';

useGpu();

const VARIANTS = eachVariant(matmul).filter(({ half }) => !half);

/** Tilings of one file differ in sizes only, so all epilogues are tried on one of them: a processor compiles for seconds. */
const files = VARIANTS.map(({ name }) => name.split(' ')[0]);
const isFirst = (at: number) => files.indexOf(files[at]) === at;

for (const [at, { name, only: kernel, fits, reordered }] of VARIANTS.entries()) {
  const fitting = (knobs: Knobs) => SHAPES.filter(([M, N, K]) => fits({ M, N, K }, knobs));
  // the epilogue is the same for all shapes, so an activation is tried on one
  const shapesOf = (knobs: Knobs) => ('ACT' in knobs ? fitting(knobs).slice(-1) : fitting(knobs));

  for (const knobs of isFirst(at) ? [...MODES, ...ACTIVATED] : FORMS) {
    gpuTest(`${name} ${JSON.stringify(knobs)}`, async (device) => {
      for (const shape of shapesOf(knobs)) {
        const given = operands(shape);
        const { result, aux } = reference(shape, knobs, given);
        const run = productOf(knobs, shape, given);
        const got = await runKernel(device, { kernel, ...run });
        expectClose(got.out!, result, TOLERANCE, `${shape}`);
        if (got.aux) expectClose(got.aux, aux, TOLERANCE, `${shape} pre-activation`);
        if (reordered) continue;
        const bits = await runKernel(device, { kernel: VARIANTS[0]!.only, ...run });
        expect(got, `${shape}: the bits of ${VARIANTS[0]!.name}`).toEqual(bits);
      }
    });
  }

  gpuTest(`${name} adds the bias gradient beside dW`, async (device) => {
    const knobs = { TA: 1, ACC: 1, BIASGRAD: 1 };
    for (const shape of shapesOf(knobs)) {
      const [M, N, K] = shape;
      const given = operands(shape);
      const { result } = reference(shape, knobs, given);
      const before = random(N, 6);
      const bias = Float64Array.from(before, (start, n) => {
        let sum = start;
        for (let k = 0; k < K; k++) sum += given.b[k * N + n]!;
        return sum;
      });
      const out = new Float32Array([...given.out, ...before]);
      const params = { M, N, K, biasAt: M * N + 4 };
      const got = await runKernel(device, {
        kernel,
        bind: { a: given.a, b: given.b, out },
        params,
        knobs,
        out: ['out'],
        at: { out: 4 },
      });
      expectClose(got.out!.subarray(0, M * N), result, TOLERANCE, `${shape}`);
      expectClose(got.out!.subarray(M * N), bias, TOLERANCE, `${shape} bias gradient`);
    }
  });

  if (!isFirst(at)) continue;
  gpuTest(`${name} gives the same bits twice`, async (device) => {
    const [M, N, K] = shapesOf({}).at(-1)!;
    const { a, b, out } = operands([M, N, K]);
    const run = { kernel, bind: { a, b, out }, params: { M, N, K }, out: ['out'] };
    const [first, second] = [await runKernel(device, run), await runKernel(device, run)];
    expect(first.out).toEqual(second.out);
  });
}

for (const shape of [
  [36, 100, 200],
  [33, 20, 65],
] as const) {
  bothTest(`dW in three parts of k, ${shape}`, async (device) => {
    const [M, N, K] = shape;
    const given = operands(shape);
    const { result } = reference(shape, { TA: 1, ACC: 1 }, given);
    const before = random(N, 6);
    const bias = before.map((start, n) => given.b.reduce((sum, value, i) => (i % N === n ? sum + value : sum), start));
    const knobs = { BIASGRAD: 1, PARTS: 3 };
    const biasAt = M * N + 4;
    const product = await runKernel(device, {
      kernel: matmul,
      bind: { a: given.a, b: given.b, out: [...given.out, ...before], aux: new Float32Array(3 * (M + 1) * N) },
      params: { M, N, K, biasAt },
      knobs: { TA: 1, ACC: 1, ...knobs },
      out: ['out', 'aux'],
      at: { out: 4 },
    });
    const { out } = await runKernel(device, {
      kernel: partsFold,
      bind: { parts: product.aux!, out: product.out! },
      params: { M, N, biasAt },
      knobs,
      out: ['out'],
      at: { out: 4 },
    });
    expectClose(out!.subarray(0, M * N), result, TOLERANCE, 'dW');
    expectClose(out!.subarray(M * N), bias, TOLERANCE, 'bias gradient');
  });
}
