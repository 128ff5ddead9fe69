/**
 * Attention compared with the time that matrix products alone would take for the same operations: the linears' own
 * kernel on a square of the same work. Memory is the tensors that one block's attention holds.
 */
import { attention, attentionBack, attentionBackKv, matmul } from '../../../src/gpu/kernels';
import { solo } from './solo';

/** The heads of the model `small`. */
const [N, H] = [4, 32];

export interface AttentionTurn {
  readonly T: number;
  /** Forward, gradient of q, gradients of k and v. */
  readonly ms: number;
  /** The same floating point operations at the speed of matmul on [T, H x 4] and weights of that width, forward. */
  readonly boundMs: number;
  readonly flops: number;
  /** Bytes of qkv, out, lse, delta and their gradients: no tensor is T x T. */
  readonly bytes: number;
}

export async function attentionTurn(T: number): Promise<AttentionTurn> {
  const one = await solo();
  const C = N * H;
  const widths = { qkv: 3 * C, out: C, lse: N, delta: N, dout: C, dqkv: 3 * C };
  const made = (name: keyof typeof widths) => one.tensor(name, T * widths[name], 1);
  const [qkv, out, lse] = [made('qkv'), made('out'), made('lse')];
  const [delta, dout, dqkv] = [made('delta'), made('dout'), made('dqkv')];
  const params = { B: 1, T, N, NKV: N, H };
  const lists = [
    await one.prepare(attention, { qkv, out, lse }, params),
    await one.prepare(attentionBack, { qkv, out, lse, dout, dqkv, delta }, params),
    await one.prepare(attentionBackKv, { qkv, lse, delta, dout, dqkv }, params),
  ];
  const product = { M: T, N: C, K: C };
  const operands = { a: one.tensor('a', T * C, 1), b: one.tensor('b', C * C, 2), out: one.tensor('c', T * C, 3) };
  const bound = [await one.prepare(matmul, operands, product)];
  for (const warm of [lists, bound]) await one.time(warm, 1);
  const ms = await one.time(lists, 1);
  const productFlops = 2 * T * C * C;
  const times = Math.max(1, Math.round(ms / (await one.time(bound, 1))));
  const perFlop = (await one.time(bound, times)) / productFlops;
  const flops = lists.flatMap(({ segments }) => segments.flat()).reduce((sum, dispatch) => sum + dispatch.flops, 0);
  one.free([qkv, out, lse, delta, dout, dqkv, ...Object.values(operands)]);
  const bytes = 4 * T * Object.values(widths).reduce((sum, width) => sum + width, 0);
  return { T, ms, boundMs: perFlop * flops, flops, bytes };
}
