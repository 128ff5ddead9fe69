/**
 * The descriptors of all kernels of the GPT-2 tape and the optimizer. Others: Llama's (kernels.llama.ts), split tables
 * (kernels.split.ts), decoding (kernels.cache.ts). R = B*T rows, f32 unless said, row-major. `xAt` is the first element
 * of binding `x` and a multiple of 4. All additions are in a fixed order: no kernel uses atomics, so the same device
 * gives the same bits every time.
 */
import { KernelError } from '../errors';
import { defineKernel, type Knobs, type Params, type Twin } from './kernel';

export const ceilDiv = (a: number, b: number): number => Math.ceil(a / b);

/** Workgroups over `n` threads, folded into two dimensions because one holds at most 65,535. */
export function gridOf(n: number, perGroup: number): readonly [number, number] {
  const groups = Math.max(1, ceilDiv(n, perGroup));
  const rows = ceilDiv(groups, 32768);
  return [ceilDiv(groups, rows), rows];
}

/** Value of a knob that the descriptor itself sets in every variant. Throws KernelError if it has none. */
export function knob(knobs: Knobs, name: string): number {
  const value = knobs[name];
  if (value === undefined) throw new KernelError(`knob ${name} has no value, so the grid cannot be computed`);
  return value;
}

/** Epilogues of matmul: the EPI knob. */
export const EPI = { none: 0, gelu: 1, dgelu: 2, residual: 3 } as const;

/** The activation of the epilogue gelu: the ACT knob. */
export const ACT = { 'gelu-tanh': 0, gelu: 1, relu: 2 } as const;
export type Activation = keyof typeof ACT;

const isByFour = (p: Params, taped: Knobs): boolean =>
  p.N! % 4 === 0 && (taped.TA ? p.M! : p.K!) % 4 === 0 && (!taped.TB || p.K! % 4 === 0);

/** By rows and columns of a tile of out. All of them give the same bits. */
const TILES = {
  of32: { file: 'matmul_tile.wgsl', knobs: { WX: 8, WY: 8, TM: 4, TN: 4 }, fits: isByFour },
  /** Half the registers of of64, for chips that have few. */
  of64slim: { file: 'matmul_tile.wgsl', knobs: { WX: 16, WY: 16, TM: 4, TN: 4 }, fits: isByFour },
  of64: { file: 'matmul_tile.wgsl', knobs: { WX: 16, WY: 8, TM: 8, TN: 4 }, fits: isByFour },
  of128: { file: 'matmul_tile.wgsl', knobs: { WX: 16, WY: 16, TM: 8, TN: 8 }, fits: isByFour },
  /** For sizes that are no multiples of 4. */
  single: { file: 'matmul_tile1.wgsl', knobs: { WX: 16, WY: 8, TM: 8, TN: 4 } },
} satisfies Record<string, Twin>;

const SPLIT_K: Twin = {
  file: 'matmul_splitk.wgsl',
  reordered: true,
  knobs: { WX: 4, WY: 4, TM: 4, TN: 4 },
  fits: (p) => p.K! >= 256,
};

/** The largest tiles of which there are enough to fill a chip come first. */
function tilesFor(p: Params, taped: Knobs): readonly Twin[] {
  const tiles = (side: number) => ceilDiv(p.M!, side) * ceilDiv(p.N!, side);
  const { of32, of64slim, of64, of128, single } = TILES;
  if (!isByFour(p, taped)) return tiles(64) >= 64 ? [single] : [single, SPLIT_K];
  if (tiles(128) >= 256) return [of128, of64, of64slim];
  if (tiles(64) >= 64) return [of64, of128, of32];
  return [of32, of64slim, SPLIT_K];
}

/**
 * out[M,N] = op(a) op(b), or += with ACC=1. TA=1: a is stored [K,M]; TB=1: b is stored [N,K]. BIAS=1 adds bias[N].
 * EPI gelu: aux = pre-activation, out = its activation (ACT, tanh-gelu by default); dgelu: out = acc * gelu'(extra); residual: out = acc + extra.
 * BIASGRAD=1: also out[biasAt + n] += sum over k of b[k,n], the bias gradient beside dW (TB=0; out is the grad buffer).
 */
export const matmul = defineKernel({
  file: 'matmul.wgsl',
  reads: ['a', 'b', 'bias', 'extra'],
  writes: ['out', 'aux'],
  optional: ['bias', 'extra', 'aux'],
  params: { M: 'u32', N: 'u32', K: 'u32', aAt: 'u32', bAt: 'u32', biasAt: 'u32', outAt: 'u32' },
  variants: [{ WX: 8, WY: 4, TM: 8, TN: 8 }],
  twins: [
    {
      file: 'matmul_quad4.wgsl',
      needs: 'subgroups',
      software: true,
      knobs: { WX: 4, WY: 2, TM: 16, TN: 8 },
      fits: (p, taped) => p.K! % 8 === 0 && p.N! % 4 === 0 && (!taped.TA || p.M! % 4 === 0),
    },
    { file: 'matmul_quad.wgsl', needs: 'subgroups', software: true, knobs: { WX: 4, WY: 4, TM: 16, TN: 4 } },
    ...Object.values(TILES),
    { file: 'matmul_half.wgsl', needs: 'shader-f16', half: true, knobs: { WX: 8, WY: 16, TM: 4, TN: 8 } },
    SPLIT_K,
  ],
  onGpu: tilesFor,
  // All files take k by a divisor of 16.
  knobsFor: (p) => ({ TAIL: p.K! % 16 === 0 ? 0 : 1 }),
  grid: (p, knobs) => [
    ceilDiv(p.N!, knob(knobs, 'WX') * knob(knobs, 'TN')),
    ceilDiv(p.M!, knob(knobs, 'WY') * knob(knobs, 'TM')),
  ],
  flops: (p) => 2 * p.M! * p.N! * p.K!,
});

const ATTENTION_PARAMS = { B: 'u32', T: 'u32', N: 'u32', NKV: 'u32', H: 'u32' } as const;
const MAX_HEAD_SIZE = 128;

/** HEAD is the length of register arrays. Throws KernelError above 128 and if N is no multiple of NKV. */
function attentionKnobs(p: Params): Knobs {
  if (p.H! > MAX_HEAD_SIZE) throw new KernelError(`head size ${p.H} is above ${MAX_HEAD_SIZE}; use more heads`);
  if (p.N! % p.NKV! !== 0) throw new KernelError(`${p.N} heads cannot share ${p.NKV} key/value heads evenly`);
  return { HEAD: p.H! };
}

/** Least T for the quad files: shorter sequences gain less from them than compiling them takes. */
const LONG = 65;

/** The twin in which four lanes handle sixteen rows, for the head sizes that fit its registers. */
function attentionQuad(file: string): Twin {
  const fits = (p: Params) => p.T! >= LONG && (p.H === 16 || p.H === 32);
  // WX 4: the grid counts four rows per lane, sixteen per workgroup
  return { file, needs: 'subgroups', software: true, reordered: true, knobs: { WX: 4 }, fits };
}

/** Causal attention, scale 1/sqrt(H). qkv rows are [q N*H | k NKV*H | v NKV*H]; out [R,N*H]; lse [B,N,T]. */
export const attention = defineKernel({
  file: 'attention.wgsl',
  reads: ['qkv'],
  writes: ['out', 'lse'],
  params: ATTENTION_PARAMS,
  variants: [{ WX: 4 }],
  knobsFor: attentionKnobs,
  twins: [attentionQuad('attention_quad.wgsl')],
  grid: (p, knobs) => [ceilDiv(p.T!, 4 * knob(knobs, 'WX')), p.N!, p.B!],
  flops: (p) => 2 * p.B! * p.N! * p.T! * p.T! * p.H!,
});

/** The dq part of dqkv, from qkv, out, lse and dout; and delta[B,N,T] = out . dout, which the other part needs. */
export const attentionBackQ = defineKernel({
  file: 'attention_back_q.wgsl',
  reads: ['qkv', 'out', 'lse', 'dout'],
  writes: ['dqkv', 'delta'],
  params: ATTENTION_PARAMS,
  variants: [{ WX: 4 }],
  knobsFor: attentionKnobs,
  twins: [attentionQuad('attention_back_q_quad.wgsl')],
  grid: (p, knobs) => [ceilDiv(p.T!, 4 * knob(knobs, 'WX')), p.N!, p.B!],
  flops: (p) => 3 * p.B! * p.N! * p.T! * p.T! * p.H!,
});

/** The dk and dv parts of dqkv; query heads that share a KV head are added in ascending order. */
export const attentionBackKv = defineKernel({
  file: 'attention_back_kv.wgsl',
  reads: ['qkv', 'lse', 'delta', 'dout'],
  writes: ['dqkv'],
  params: ATTENTION_PARAMS,
  variants: [{ WX: 4 }],
  knobsFor: attentionKnobs,
  twins: [attentionQuad('attention_back_kv_quad.wgsl')],
  grid: (p, knobs) => [ceilDiv(p.T!, 4 * knob(knobs, 'WX')), p.NKV!, p.B!],
  flops: (p) => 4 * p.B! * p.N! * p.T! * p.T! * p.H!,
});

/** y[R,C] = (x - mean) * rstd * gamma + beta; stats[R,2] = mean, rstd. */
export const layernorm = defineKernel({
  file: 'layernorm.wgsl',
  reads: ['x', 'gamma', 'beta'],
  writes: ['y', 'stats'],
  params: { R: 'u32', C: 'u32', eps: 'f32', gammaAt: 'u32', betaAt: 'u32' },
  variants: [{ WG: 16 }],
  grid: (p, knobs) => gridOf(p.R!, knob(knobs, 'WG')),
});

/** dx[R,C] from dy; ACC=1 adds to dx; SKIP=1 adds skip[R,C], the gradient of a residual branch. */
export const layernormBack = defineKernel({
  file: 'layernorm_back.wgsl',
  reads: ['x', 'gamma', 'stats', 'dy', 'skip'],
  writes: ['dx'],
  optional: ['skip'],
  params: { R: 'u32', C: 'u32', gammaAt: 'u32' },
  variants: [{ WG: 16 }],
  grid: (p, knobs) => gridOf(p.R!, knob(knobs, 'WG')),
});

/** grad[gammaAt..] += sum of dy * xhat, grad[betaAt..] += sum of dy, over rows. */
export const layernormWeight = defineKernel({
  file: 'layernorm_weight.wgsl',
  reads: ['x', 'stats', 'dy'],
  writes: ['grad'],
  params: { R: 'u32', C: 'u32', gammaAt: 'u32', betaAt: 'u32' },
  variants: [{ WG: 8 }],
  grid: (p, knobs) => gridOf(p.C!, knob(knobs, 'WG')),
});

/** out[outAt + c] += sum over rows of x[R,C]. */
export const colsum = defineKernel({
  file: 'colsum.wgsl',
  reads: ['x'],
  writes: ['out'],
  params: { R: 'u32', C: 'u32', outAt: 'u32' },
  variants: [{ WG: 8 }],
  grid: (p, knobs) => gridOf(p.C!, knob(knobs, 'WG')),
});

/** out[R,C] = wte[token] + wpe[row % T]; tokens u32. WPE=0 leaves the position table out. */
export const embed = defineKernel({
  file: 'embed.wgsl',
  reads: ['tokens', 'wte', 'wpe'],
  writes: ['out'],
  optional: ['wpe'],
  params: { R: 'u32', T: 'u32', C: 'u32', wteAt: 'u32', wpeAt: 'u32' },
  variants: [{ WG: 64 }],
  grid: (p, knobs) => gridOf(p.R! * p.C!, knob(knobs, 'WG')),
});

/**
 * grad[gradAt + v*C + c] += sum of dy rows order[starts[v] .. starts[v+1]). `order` (u32, R) lists the rows sorted by
 * (token, position) and `starts` has V+1 entries; both are made on the host from the tokens.
 */
export const embedBack = defineKernel({
  file: 'embed_back.wgsl',
  reads: ['dy', 'order', 'starts'],
  writes: ['grad'],
  params: { V: 'u32', C: 'u32', gradAt: 'u32' },
  variants: [{ WG: 64 }],
  grid: (p, knobs) => gridOf(p.V! * p.C!, knob(knobs, 'WG')),
});

/** grad[gradAt + t*C + c] += sum over b of dy[b,t,c]. */
export const embedPosBack = defineKernel({
  file: 'embed_pos_back.wgsl',
  reads: ['dy'],
  writes: ['grad'],
  params: { B: 'u32', T: 'u32', C: 'u32', gradAt: 'u32' },
  variants: [{ WG: 64 }],
  grid: (p, knobs) => gridOf(p.T! * p.C!, knob(knobs, 'WG')),
});

/** A target that is ignored: loss 0 and a zero gradient row. */
export const IGNORED_TARGET = 0xffffffff;

/** In place: logits[R,V] becomes softmax - onehot(target); loss[R] in nats. targets u32. GRAD=0 leaves logits as they are. */
export const xent = defineKernel({
  file: 'xent.wgsl',
  reads: ['targets'],
  writes: ['logits', 'loss'],
  params: { R: 'u32', V: 'u32' },
  variants: [{ WG: 16 }],
  grid: (p, knobs) => gridOf(p.R!, knob(knobs, 'WG')),
});

/** out[outAt] = sum of x[0..n): the loss of one microbatch. */
export const sum = defineKernel({
  file: 'sum.wgsl',
  reads: ['x'],
  writes: ['out'],
  params: { n: 'u32', outAt: 'u32' },
  variants: [{}],
  grid: () => [1],
});

/** Partial sums that sumsq writes, always this many; the host adds them in float64. */
export const SUMSQ_PARTIALS = 1024;

/** out[outAt + i] = sum of squares of elements i, i + 1024, i + 2048 ... of x[xAt .. xAt + n). */
export const sumsq = defineKernel({
  file: 'sumsq.wgsl',
  reads: ['x'],
  writes: ['out'],
  params: { n: 'u32', xAt: 'u32', outAt: 'u32' },
  variants: [{ WG: 64 }],
  grid: (_, knobs) => [SUMSQ_PARTIALS / knob(knobs, 'WG')],
});

/**
 * Decoupled AdamW on n elements: g = grad * scale; m and v live in one moment buffer. Elements whose unit index
 * (first + i) is below `decay` are decayed. c1 and c2 are the bias corrections 1 - beta^step, computed on the host.
 */
export const adamw = defineKernel({
  file: 'adamw.wgsl',
  reads: ['grad'],
  writes: ['param', 'moment'],
  params: {
    n: 'u32',
    gradAt: 'u32',
    paramAt: 'u32',
    mAt: 'u32',
    vAt: 'u32',
    decay: 'u32',
    first: 'u32',
    lr: 'f32',
    beta1: 'f32',
    beta2: 'f32',
    eps: 'f32',
    weightDecay: 'f32',
    c1: 'f32',
    c2: 'f32',
    scale: 'f32',
  },
  variants: [{ WG: 64 }],
  flops: (p) => 12 * p.n!,
  grid: (p, knobs) => gridOf(p.n!, knob(knobs, 'WG')),
});
