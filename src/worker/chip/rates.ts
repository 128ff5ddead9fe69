/**
 * What a device does with our kernels: products, attention, a copy, a dispatch. Every figure is the best of three waits for
 * the queue, so small ones include a submit.
 */
import * as k from '../../gpu/kernels';
import { choose } from '../../gpu/pipeline';
import type { PreparedList } from '../../gpu/stream';
import { measurePeak } from './peak';
import type { Solo } from './solo';

export interface Rate {
  readonly what: string;
  /** The file that ran. */
  readonly kernel: string;
  readonly ms: number;
  readonly gflops: number;
}

interface ProductSizes {
  readonly what: string;
  readonly M: number;
  readonly N: number;
  readonly K: number;
  readonly form: 'forward' | 'dX' | 'dW';
}

/** The square of which PyTorch's rate is known, the linears of the 10.7 M model at batch 64, and small ones. */
const PRODUCT_SIZES: readonly ProductSizes[] = [
  { what: 'forward 2048 x 2048 x 2048', M: 2048, N: 2048, K: 2048, form: 'forward' },
  { what: 'forward 16384 x 1536 x 384', M: 16384, N: 1536, K: 384, form: 'forward' },
  { what: 'dX 16384 x 384 x 1536', M: 16384, N: 384, K: 1536, form: 'dX' },
  { what: 'dW 384 x 1536 x 16384', M: 384, N: 1536, K: 16384, form: 'dW' },
  { what: 'forward 512 x 512 x 128', M: 512, N: 512, K: 128, form: 'forward' },
  { what: 'dW 64 x 256 x 1024', M: 64, N: 256, K: 1024, form: 'dW' },
];

/** A sequence of heads: B x N heads of H over T positions. */
const ATTENTION_SIZES = [
  { B: 16, T: 256, N: 6, H: 64 },
  { B: 8, T: 256, N: 4, H: 32 },
  { B: 1, T: 1024, N: 12, H: 64 },
] as const;

const KNOBS = { forward: {}, dX: { TB: 1 }, dW: { TA: 1, ACC: 1 } } as const;
const ROUNDS = 3;
/** One timing takes about this long. */
const TIMING_MS = 20;

async function best(one: Solo, lists: readonly PreparedList[]): Promise<number> {
  const first = await one.time(lists, 1);
  const times = Math.max(1, Math.min(200, Math.ceil(TIMING_MS / Math.max(first, 0.01))));
  let least = first;
  for (let round = 0; round < ROUNDS; round++) least = Math.min(least, await one.time(lists, times));
  return least;
}

const rateOf = (what: string, kernel: string, ms: number, flops: number): Rate => {
  return { what, kernel, ms, gflops: flops / ms / 1e6 };
};

/** Products of at most `mostFlops`. */
export async function productRates(one: Solo, mostFlops = Number.POSITIVE_INFINITY): Promise<readonly Rate[]> {
  const rates: Rate[] = [];
  for (const { what, M, N, K, form } of PRODUCT_SIZES) {
    const flops = 2 * M * N * K;
    if (flops > mostFlops) continue;
    const PARTS = form === 'dW' ? k.productParts(M, N, K) : 1;
    const bind = { a: one.tensor('a', M * K, 1), b: one.tensor('b', K * N, 2), out: one.tensor('out', M * N, 3) };
    const aux = one.tensor('parts', PARTS * (M + 1) * N, 4);
    const knobs = { ...KNOBS[form], ...(PARTS > 1 && { PARTS }) };
    const params = { M, N, K };
    const lists = [await one.prepare(k.matmul, { ...bind, aux }, params, knobs)];
    const fold = { parts: aux, out: bind.out };
    if (PARTS > 1) lists.push(await one.prepare(k.partsFold, fold, { M, N, biasAt: 0 }, { PARTS, BIASGRAD: 0 }));
    const { file, knobs: chosen } = choose(one.device, k.matmul, knobs, params);
    const name = `${file} ${chosen.WX} x ${chosen.WY}`;
    rates.push(rateOf(what, name, await best(one, lists), flops));
    one.free([...Object.values(bind), aux]);
  }
  return rates;
}

/** Forward and backward (graphics chips: dq, then dk and dv), causal: half of T x T counts. */
export async function attentionRates(one: Solo, mostFlops = Number.POSITIVE_INFINITY): Promise<readonly Rate[]> {
  const rates: Rate[] = [];
  for (const { B, T, N, H } of ATTENTION_SIZES) {
    if (9 * B * N * T * T * H > mostFlops) continue;
    const [R, C] = [B * T, N * H];
    const made = (name: string, floats: number) => one.tensor(name, floats, 1);
    const qkv = made('qkv', R * 3 * C);
    const [out, dout] = [made('out', R * C), made('dout', R * C)];
    const [lse, delta] = [made('lse', R * N), made('delta', R * N)];
    const dqkv = made('dqkv', R * 3 * C);
    const params = { B, T, N, NKV: N, H };
    const passes = [
      ['forward', k.attention, { qkv, out, lse }],
      ['backward', k.attentionBack, { qkv, out, lse, dout, dqkv, delta }],
      ['backward, dk and dv', k.attentionBackKv, { qkv, lse, delta, dout, dqkv }],
    ] as const;
    for (const [pass, kernel, bind] of passes) {
      const list = await one.prepare(kernel, bind, params);
      const [dispatch] = list.segments[0]!;
      // left out where the backward is one dispatch
      if (!dispatch) continue;
      const what = `attention ${pass}, ${B} x ${N} heads of ${H}, T ${T}`;
      rates.push(rateOf(what, dispatch.name, await best(one, [list]), dispatch.flops));
    }
    one.free([qkv, out, lse, dout, dqkv, delta]);
  }
  return rates;
}

export interface DeviceCosts {
  /** Multiply-adds in registers, and a copy of vec4. */
  readonly gflops: number;
  readonly gigabytes: number;
  /** One dispatch more in a submit; one submit with a wait. */
  readonly dispatchUs: number;
  readonly submitUs: number;
}

export async function costs(one: Solo): Promise<DeviceCosts> {
  const peak = await measurePeak(one.device.raw);
  const [x, out] = [one.tensor('x', 4, 1), one.tensor('out', 4, 2)];
  const list = await one.prepare(k.colsum, { x, out }, { R: 1, C: 4 });
  await one.time([list], 10);
  const many = 500;
  const alone = Math.min(await one.time([list], 1), await one.time([list], 1));
  const together = Math.min(await one.time([list], many), await one.time([list], many));
  one.free([x, out]);
  return { ...peak, dispatchUs: together * 1e3, submitUs: alone * 1e3 };
}
