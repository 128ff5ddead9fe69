/**
 * Attention forward and backward over odd sizes and grouped heads, against float64; the float64 backward itself is held
 * to finite differences of the float64 forward.
 */
import { expect, test } from 'vitest';
import { attention, attentionBack, attentionBackKv } from '../../src/gpu/kernels';
import { gpuTest, isThorough, useGpu } from '../helpers/gpu';
import { eachVariant, expectClose, random, runKernel } from '../helpers/kernelrun';

useGpu();

interface Sizes {
  readonly B: number;
  readonly T: number;
  readonly N: number;
  readonly NKV: number;
  readonly H: number;
}

const SIZES: readonly Sizes[] = [
  { B: 1, T: 1, N: 1, NKV: 1, H: 1 },
  { B: 2, T: 33, N: 3, NKV: 3, H: 20 },
  { B: 1, T: 17, N: 4, NKV: 2, H: 7 },
  { B: 2, T: 66, N: 4, NKV: 4, H: 16 },
  { B: 1, T: 83, N: 4, NKV: 2, H: 32 },
  { B: 1, T: 40, N: 6, NKV: 1, H: 5 },
  { B: 1, T: 21, N: 1, NKV: 1, H: 128 },
];

/** For the block files: more than one workgroup, odd ends, grouped heads, heads that are padded in each tiling. */
const BLOCK_SIZES: readonly Sizes[] = [
  { B: 2, T: 67, N: 4, NKV: 2, H: 12 },
  { B: 2, T: 131, N: 2, NKV: 2, H: 16 },
  { B: 1, T: 83, N: 4, NKV: 2, H: 32 },
  { B: 1, T: 70, N: 3, NKV: 3, H: 20 },
  { B: 1, T: 70, N: 2, NKV: 1, H: 40 },
  { B: 1, T: 70, N: 2, NKV: 1, H: 48 },
  { B: 2, T: 70, N: 2, NKV: 1, H: 64 },
  { B: 1, T: 70, N: 2, NKV: 1, H: 72 },
  { B: 1, T: 70, N: 2, NKV: 1, H: 128 },
];

/** Head sizes of the block files whose backward runs with `npm test`: padded and grouped heads, and the widest head. */
const BLOCKS_BACK = [12, 32, 128];

/** Sums of at most 128 products and 83 weights of values below 1. */
const TOLERANCE = 1e-6;

const rows = ({ N, NKV, H }: Sizes) => (N + 2 * NKV) * H;

/** out and lse in float64. */
function forward(qkv: ArrayLike<number>, sizes: Sizes) {
  const { B, T, N, NKV, H } = sizes;
  const width = rows(sizes);
  const out = new Float64Array(B * T * N * H);
  const lse = new Float64Array(B * N * T);
  for (let b = 0; b < B; b++) {
    for (let n = 0; n < N; n++) {
      const kv = Math.floor(n / (N / NKV));
      for (let t = 0; t < T; t++) {
        const scores: number[] = [];
        for (let s = 0; s <= t; s++) {
          let score = 0;
          for (let h = 0; h < H; h++) {
            score += qkv[(b * T + t) * width + n * H + h]! * qkv[(b * T + s) * width + (N + kv) * H + h]!;
          }
          scores.push(score / Math.sqrt(H));
        }
        const peak = Math.max(...scores);
        const total = scores.reduce((sum, score) => sum + Math.exp(score - peak), 0);
        lse[(b * N + n) * T + t] = peak + Math.log(total);
        scores.forEach((score, s) => {
          const weight = Math.exp(score - peak) / total;
          for (let h = 0; h < H; h++) {
            out[(b * T + t) * N * H + n * H + h]! += weight * qkv[(b * T + s) * width + (N + NKV + kv) * H + h]!;
          }
        });
      }
    }
  }
  return { out, lse };
}

test('the float64 backward is the derivative of the float64 forward', () => {
  const sizes = { B: 1, T: 9, N: 4, NKV: 2, H: 3 };
  const qkv = Float64Array.from(random(9 * rows(sizes), 1));
  const dout = random(9 * 12, 2);
  const value = () => forward(qkv, sizes).out.reduce((sum, out, i) => sum + out * dout[i]!, 0);
  const expected = gradient(qkv, dout, sizes);
  for (let i = 0; i < qkv.length; i++) {
    const middle = qkv[i]!;
    qkv[i] = middle + 1e-5;
    const above = value();
    qkv[i] = middle - 1e-5;
    const below = value();
    qkv[i] = middle;
    // Central differences with step 1e-5 are exact to about 1e-10.
    expect(Math.abs((above - below) / 2e-5 - expected[i]!)).toBeLessThan(1e-8);
  }
});

const PARTS = [attention, attentionBack].map(eachVariant);
/** The kernel for dk and dv of the block files; elsewhere its first entry, which is left out. */
const LAST = eachVariant(attentionBackKv);

/** What variants of one order gave, by order and sizes: the bits of all of them. */
const bits = new Map<string, unknown>();

function expectSameBits(order: string | undefined, what: string, got: unknown): void {
  const key = `${order} ${what}`;
  if (bits.has(key)) expect(got, `the bits of another tiling, ${key}`).toEqual(bits.get(key));
  bits.set(key, got);
}

for (const [i, { name, fits, order }] of PARTS[0]!.entries()) {
  const [ahead, back] = PARTS.map((variants) => variants[i]!.only);
  const backKv = LAST[order === 'blocks' ? i - PARTS[0]!.length + LAST.length : 0]!.only;
  const fitting = (order === 'blocks' ? BLOCK_SIZES : SIZES).filter((params) => fits({ ...params }, {}));
  // why one: a processor compiles these for seconds, and the first tiling of a file is tried on all
  const isSecond =
    order === 'blocks' && PARTS[0]![i - 1]!.fits({ ...fitting[0]! }, {}) && PARTS[0]![i - 1]!.order === order;
  for (const sizes of isSecond ? fitting.slice(-1) : fitting) {
    const { B, T, N } = sizes;
    const what = `${name} ${JSON.stringify(sizes)}`;
    const R = B * T;
    const qkv = random(R * rows(sizes), 1);
    const dout = random(R * N * sizes.H, 2);

    gpuTest(`forward ${what}`, async (device) => {
      const expected = forward(qkv, sizes);
      const bind = { qkv, out: new Float32Array(R * N * sizes.H), lse: new Float32Array(B * N * T) };
      const got = await runKernel(device, { kernel: ahead!, bind, params: { ...sizes }, out: ['out', 'lse'] });
      expectClose(got.out!, expected.out, TOLERANCE, 'out');
      expectClose(got.lse!, expected.lse, TOLERANCE, 'lse');
      expectSameBits(order, `forward ${JSON.stringify(sizes)}`, got);
    });

    if (order === 'blocks' && !isThorough && !BLOCKS_BACK.includes(sizes.H)) continue;
    gpuTest(`backward ${what}`, async (device) => {
      const { out, lse } = forward(qkv, sizes);
      const inputs = { qkv, out: Float32Array.from(out), lse: Float32Array.from(lse), dout };
      const params = { ...sizes };
      const first = await runKernel(device, {
        kernel: back!,
        bind: { ...inputs, dqkv: new Float32Array(qkv.length), delta: new Float32Array(B * N * T) },
        params,
        out: ['dqkv', 'delta'],
      });
      const { dqkv } = await runKernel(device, {
        kernel: backKv,
        bind: { qkv, lse: inputs.lse, delta: first.delta!, dout, dqkv: first.dqkv! },
        params,
        out: ['dqkv'],
      });
      expectClose(dqkv!, gradient(qkv, dout, sizes), TOLERANCE, 'dqkv');
      expectSameBits(order, `backward ${JSON.stringify(sizes)}`, dqkv);
    });
  }
}

/** d sum(out * dout) / d qkv in float64, written out. */
function gradient(qkv: ArrayLike<number>, dout: Float32Array, sizes: Sizes): Float64Array {
  const { B, T, N, NKV, H } = sizes;
  const width = rows(sizes);
  const { lse } = forward(qkv, sizes);
  const grad = new Float64Array(qkv.length);
  for (let b = 0; b < B; b++) {
    for (let n = 0; n < N; n++) {
      const kv = Math.floor(n / (N / NKV));
      for (let t = 0; t < T; t++) {
        const q = (b * T + t) * width + n * H;
        const weights: number[] = [];
        const slopes: number[] = [];
        for (let s = 0; s <= t; s++) {
          const k = (b * T + s) * width + (N + kv) * H;
          let score = 0;
          let slope = 0;
          for (let h = 0; h < H; h++) {
            score += qkv[q + h]! * qkv[k + h]!;
            slope += dout[(b * T + t) * N * H + n * H + h]! * qkv[k + NKV * H + h]!;
          }
          weights.push(Math.exp(score / Math.sqrt(H) - lse[(b * N + n) * T + t]!));
          slopes.push(slope);
        }
        const mean = weights.reduce((sum, weight, s) => sum + weight * slopes[s]!, 0);
        weights.forEach((weight, s) => {
          const k = (b * T + s) * width + (N + kv) * H;
          const ds = (weight * (slopes[s]! - mean)) / Math.sqrt(H);
          for (let h = 0; h < H; h++) {
            grad[q + h]! += ds * qkv[k + h]!;
            grad[k + h]! += ds * qkv[q + h]!;
            grad[k + NKV * H + h]! += weight * dout[(b * T + t) * N * H + n * H + h]!;
          }
        });
      }
    }
  }
  return grad;
}
