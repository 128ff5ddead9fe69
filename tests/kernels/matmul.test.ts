/** matmul over odd shapes x layouts x epilogues, every variant, against float64. */
import { expect } from 'vitest';
import type { Knobs } from '../../src/gpu/kernel';
import { EPI, matmul } from '../../src/gpu/kernels';
import { gpuTest, useGpu } from '../helpers/gpu';
import { eachVariant, expectClose, random, runKernel } from '../helpers/kernelrun';

useGpu();

/** f32 sums of K <= 264 products of numbers below 1: K * 2^-24 relative to the largest, rounded up. */
const TOLERANCE = 2e-5;

const SHAPES = [
  [1, 1, 1],
  [4, 4, 4],
  [16, 32, 8],
  [33, 97, 60],
  [65, 20, 33],
  [64, 64, 200],
  [36, 100, 72],
  [20, 36, 8],
  [3, 130, 17],
  [20, 36, 264],
] as const;

const gelu = (x: number) => 0.5 * x * (1 + Math.tanh(Math.sqrt(2 / Math.PI) * (x + 0.044715 * x ** 3)));
const geluGrad = (x: number) => (gelu(x + 1e-5) - gelu(x - 1e-5)) / 2e-5;

interface Operands {
  readonly a: Float32Array;
  readonly b: Float32Array;
  readonly bias: Float32Array;
  readonly extra: Float32Array;
  readonly out: Float32Array;
}

function reference([M, N, K]: readonly [number, number, number], knobs: Knobs, { a, b, bias, extra, out }: Operands) {
  const result = new Float64Array(M * N);
  const aux = new Float64Array(M * N);
  for (let m = 0; m < M; m++) {
    for (let n = 0; n < N; n++) {
      let value = knobs.BIAS ? bias[n]! : 0;
      for (let k = 0; k < K; k++) value += a[knobs.TA ? k * M + m : m * K + k]! * b[knobs.TB ? n * K + k : k * N + n]!;
      const at = m * N + n;
      aux[at] = value;
      if (knobs.EPI === EPI.gelu) value = gelu(value);
      if (knobs.EPI === EPI.dgelu) value *= geluGrad(extra[at]!);
      if (knobs.EPI === EPI.residual) value += extra[at]!;
      result[at] = value + (knobs.ACC ? out[at]! : 0);
    }
  }
  return { result, aux };
}

function operands([M, N, K]: readonly [number, number, number]): Operands {
  return {
    a: random(M * K, 1),
    b: random(K * N, 2),
    bias: random(N, 3),
    extra: random(M * N, 4),
    out: random(M * N, 5),
  };
}

const VARIANTS = eachVariant(matmul);

const MODES: readonly Knobs[] = [
  {},
  { TB: 1 },
  { TA: 1, ACC: 1 },
  { TA: 1, TB: 1 },
  { BIAS: 1, EPI: EPI.gelu },
  { BIAS: 1, EPI: EPI.residual },
  { TB: 1, EPI: EPI.dgelu },
  { TB: 1, ACC: 1 },
  { BIAS: 1 },
];

/** What the knobs read and write of the operands. */
function runOf(knobs: Knobs, [M, N, K]: readonly [number, number, number], given: Operands) {
  const { a, b, bias, extra, out } = given;
  const hasExtra = knobs.EPI === EPI.dgelu || knobs.EPI === EPI.residual;
  const aux = knobs.EPI === EPI.gelu ? { aux: new Float32Array(M * N) } : {};
  const bind = { a, b, ...(knobs.BIAS ? { bias } : {}), ...(hasExtra ? { extra } : {}), out, ...aux };
  return { bind, params: { M, N, K }, knobs, out: ['out', ...Object.keys(aux)], at: { a: 4, b: 8, bias: 12, out: 16 } };
}

for (const { name, only: kernel, fits, reordered } of VARIANTS) {
  const shapesOf = (knobs: Knobs) => SHAPES.filter(([M, N, K]) => fits({ M, N, K }, knobs));

  for (const knobs of MODES) {
    gpuTest(`${name} ${JSON.stringify(knobs)}`, async (device) => {
      for (const shape of shapesOf(knobs)) {
        const given = operands(shape);
        const { result, aux } = reference(shape, knobs, given);
        const run = runOf(knobs, shape, given);
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

  gpuTest(`${name} gives the same bits twice`, async (device) => {
    const [M, N, K] = shapesOf({}).at(-1)!;
    const { a, b, out } = operands([M, N, K]);
    const run = { kernel, bind: { a, b, out }, params: { M, N, K }, out: ['out'] };
    const [first, second] = [await runKernel(device, run), await runKernel(device, run)];
    expect(first.out).toEqual(second.out);
  });
}
