/**
 * Matrix products to test matmul files with: odd shapes, the tapes' layouts and epilogues, and their results in
 * float64.
 */
import type { Knobs } from '../../src/gpu/kernel';
import { EPI } from '../../src/gpu/kernels';
import { random } from './kernelrun';

type Shape = readonly [M: number, N: number, K: number];

/** Error of f32 sums of K <= 264 products of numbers below 1: K * 2^-24 relative to the largest, rounded up. */
export const TOLERANCE = 2e-5;

export const SHAPES = [
  [1, 1, 1],
  [4, 4, 4],
  [16, 32, 8],
  [33, 97, 60],
  [65, 20, 33],
  [64, 64, 200],
  [36, 100, 72],
  [20, 36, 8],
  [3, 130, 17],
  [132, 140, 20],
  [20, 36, 264],
] as const;

/** The normal distribution function: 1/2 + its density times x + x^3/3 + x^5/15 + ... */
function normalCdf(x: number): number {
  let [term, sum] = [x, x];
  for (let k = 3; Math.abs(term) > 1e-17 * Math.abs(sum); k += 2) sum += term *= (x * x) / k;
  return Math.min(1, Math.max(0, 0.5 + (sum * Math.exp((-x * x) / 2)) / Math.sqrt(2 * Math.PI)));
}

/** The activation functions, indexed by the ACT knob. */
const ACTIVATIONS = [
  (x: number) => 0.5 * x * (1 + Math.tanh(Math.sqrt(2 / Math.PI) * (x + 0.044715 * x ** 3))),
  (x: number) => x * normalCdf(x),
  (x: number) => Math.max(0, x),
];

export interface Operands {
  readonly a: Float32Array;
  readonly b: Float32Array;
  readonly bias: Float32Array;
  readonly extra: Float32Array;
  readonly out: Float32Array;
}

/** In float64: out, and the pre-activation. */
export function reference([M, N, K]: Shape, knobs: Knobs, { a, b, bias, extra, out }: Operands) {
  const result = new Float64Array(M * N);
  const aux = new Float64Array(M * N);
  const act = ACTIVATIONS[knobs.ACT ?? 0]!;
  for (let m = 0; m < M; m++) {
    for (let n = 0; n < N; n++) {
      let value = knobs.BIAS ? bias[n]! : 0;
      for (let k = 0; k < K; k++) value += a[knobs.TA ? k * M + m : m * K + k]! * b[knobs.TB ? n * K + k : k * N + n]!;
      const at = m * N + n;
      aux[at] = value;
      if (knobs.EPI === EPI.gelu) value = act(value);
      if (knobs.EPI === EPI.dgelu) value *= (act(extra[at]! + 1e-5) - act(extra[at]! - 1e-5)) / 2e-5;
      if (knobs.EPI === EPI.residual) value += extra[at]!;
      result[at] = value + (knobs.ACC ? out[at]! : 0);
    }
  }
  return { result, aux };
}

/** Random numbers in [-1, 1) for every binding. */
export function operands([M, N, K]: Shape): Operands {
  return {
    a: random(M * K, 1),
    b: random(K * N, 2),
    bias: random(N, 3),
    extra: random(M * N, 4),
    out: random(M * N, 5),
  };
}

/** Layouts and epilogues that the tapes use. */
export const MODES: readonly Knobs[] = [
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

/** How operands are stored in forward, dX and dW. */
export const FORMS: readonly Knobs[] = [{ BIAS: 1 }, { TB: 1 }, { TA: 1, ACC: 1 }];

/** Epilogues of the exact GELU; ReLU differs from it in one line that all files share. */
export const ACTIVATED: readonly Knobs[] = [
  { BIAS: 1, EPI: EPI.gelu, ACT: 1 },
  { TB: 1, EPI: EPI.dgelu, ACT: 1 },
];

/** The operands that kernels with these knobs read and write. */
export function productOf(knobs: Knobs, [M, N, K]: Shape, given: Operands) {
  const { a, b, bias, extra, out } = given;
  const hasExtra = knobs.EPI === EPI.dgelu || knobs.EPI === EPI.residual;
  const aux = knobs.EPI === EPI.gelu ? { aux: new Float32Array(M * N) } : {};
  const bind = { a, b, ...(knobs.BIAS ? { bias } : {}), ...(hasExtra ? { extra } : {}), out, ...aux };
  return { bind, params: { M, N, K }, knobs, out: ['out', ...Object.keys(aux)], at: { a: 4, b: 8, bias: 12, out: 16 } };
}
