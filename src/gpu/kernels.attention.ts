/**
 * The descriptors of causal attention, scale 1/sqrt(H): forward, and the backward's dq and dk dv parts. Software adapters
 * have quad files, graphics chips block files for heads that are multiples of 4; all others the plain ones.
 */
import { KernelError } from '../errors';
import { ceilDiv, knob } from './grid';
import { defineKernel, type Knobs, type Params, type Twin } from './kernel';

const ATTENTION_PARAMS = { B: 'u32', T: 'u32', N: 'u32', NKV: 'u32', H: 'u32' } as const;
const MAX_HEAD_SIZE = 128;

/** HEAD is the length of register arrays. Throws KernelError above 128 and if N is no multiple of NKV. */
function attentionKnobs(p: Params): Knobs {
  if (p.H! > MAX_HEAD_SIZE) throw new KernelError(`head size ${p.H} is above ${MAX_HEAD_SIZE}; use more heads`);
  if (p.N! % p.NKV! !== 0) throw new KernelError(`${p.N} heads cannot share ${p.NKV} key/value heads evenly`);
  return { HEAD: p.H! };
}

/** Least T for the files of four lanes: shorter sequences gain less from them than compiling them takes. */
const LEAST_T = { quads: 65, plain: 33 } as const;

/**
 * The twins in which four lanes handle sixteen rows: in blocks of sixteen for the head sizes that fit their registers, else
 * in the plain file's order.
 */
function quadTwins(blocks: string, plain: string): readonly Twin[] {
  // WX 4: the grid counts four rows per lane, sixteen per workgroup
  const quad = { needs: 'subgroups', software: true, knobs: { WX: 4 } } as const;
  return [
    { ...quad, file: blocks, order: 'quads', fits: (p) => p.T! >= LEAST_T.quads && (p.H === 16 || p.H === 32) },
    { ...quad, file: plain, fits: (p) => p.T! >= LEAST_T.plain },
  ];
}

/** Sizes of heads that have one tiling: from, to. Sizes between the multiples of DEPTH are padded with zeros. */
const HEADS = { tiny: [4, 16], slim: [20, 32], middle: [36, 64], wide: [68, 128] } as const;

/**
 * The twins in which a workgroup handles ROWS rows by tiles. The order of additions follows from WX and H alone, so
 * tilings of one WX give the same bits.
 */
function blockTwins(file: string, tilings: readonly (readonly [keyof typeof HEADS, Knobs])[]): readonly Twin[] {
  return tilings.map(([heads, knobs]) => ({
    file,
    knobs,
    order: 'blocks',
    alone: true,
    fits: ({ H }) => H! >= HEADS[heads][0] && H! <= HEADS[heads][1] && H! % 4 === 0,
  }));
}

/** Workgroups along T: four rows a thread unless ROWS says otherwise. */
const rowGroups = (p: Params, knobs: Knobs): number => ceilDiv(p.T!, knobs.ROWS ?? 4 * knob(knobs, 'WX'));

/** Operations of `products` matrix products of T x T by H per head, of which the causal mask leaves half. */
const flopsOf = (p: Params, products: number): number => products * p.B! * p.N! * p.T! * p.T! * p.H!;

const FORWARD = blockTwins('attention_block.wgsl', [
  ['tiny', { WX: 4, WY: 32, ROWS: 128, DEPTH: 16, SPAN: 16 }],
  ['slim', { WX: 8, WY: 16, ROWS: 64, DEPTH: 32, SPAN: 32 }],
  ['middle', { WX: 16, WY: 8, ROWS: 64, DEPTH: 16, SPAN: 16 }],
  ['middle', { WX: 16, WY: 16, ROWS: 64, DEPTH: 16, SPAN: 16 }],
  ['wide', { WX: 16, WY: 16, ROWS: 64, DEPTH: 16, SPAN: 16 }],
]);

/** Causal attention. qkv rows are [q N*H | k NKV*H | v NKV*H]; out [R,N*H]; lse [B,N,T]. */
export const attention = defineKernel({
  file: 'attention.wgsl',
  reads: ['qkv'],
  writes: ['out', 'lse'],
  params: ATTENTION_PARAMS,
  variants: [{ WX: 4 }],
  knobsFor: attentionKnobs,
  twins: [...quadTwins('attention_quad.wgsl', 'attention_quad1.wgsl'), ...FORWARD],
  onGpu: () => FORWARD,
  grid: (p, knobs) => [rowGroups(p, knobs), p.N!, p.B!],
  flops: (p) => flopsOf(p, 2),
});

const BACK_Q = blockTwins('attention_block_q.wgsl', [
  ['tiny', { WX: 4, WY: 32, ROWS: 128, DEPTH: 8, SPAN: 16 }],
  ['slim', { WX: 8, WY: 16, ROWS: 64, DEPTH: 16, SPAN: 32 }],
  ['middle', { WX: 16, WY: 16, ROWS: 64, DEPTH: 16, SPAN: 16 }],
  ['middle', { WX: 16, WY: 8, ROWS: 32, DEPTH: 16, SPAN: 16 }],
  ['wide', { WX: 16, WY: 16, ROWS: 64, DEPTH: 16, SPAN: 16 }],
]);

/**
 * dqkv from qkv, out, lse and dout. On graphics chips, where block files run, only its dq part and delta[B,N,T] = out . dout,
 * which attentionBackKv needs; elsewhere that is left out and nothing is in delta.
 */
export const attentionBack = defineKernel({
  file: 'attention_back.wgsl',
  reads: ['qkv', 'out', 'lse', 'dout'],
  writes: ['dqkv', 'delta'],
  params: ATTENTION_PARAMS,
  variants: [{ WX: 4 }],
  knobsFor: attentionKnobs,
  twins: [...quadTwins('attention_back_quad.wgsl', 'attention_back_quad1.wgsl'), ...BACK_Q],
  onGpu: () => BACK_Q,
  grid: (p, knobs) => [rowGroups(p, knobs), knobs.ROWS ? p.N! : p.NKV!, p.B!],
  flops: (p, knobs) => flopsOf(p, knobs.ROWS ? 3 : 7),
});

const BACK_KV = blockTwins('attention_block_kv.wgsl', [
  ['tiny', { WX: 4, WY: 32, ROWS: 128, DEPTH: 8, SPAN: 8 }],
  ['slim', { WX: 8, WY: 16, ROWS: 64, DEPTH: 16, SPAN: 16 }],
  ['middle', { WX: 16, WY: 16, ROWS: 64, DEPTH: 16, SPAN: 16 }],
  ['middle', { WX: 16, WY: 8, ROWS: 32, DEPTH: 16, SPAN: 16 }],
  ['wide', { WX: 16, WY: 16, ROWS: 64, DEPTH: 16, SPAN: 16 }],
]);

/**
 * The dk and dv parts of dqkv where attentionBack leaves them to it; query heads that share a KV head are added in
 * ascending order.
 */
export const attentionBackKv = defineKernel({
  file: 'attention_block_kv.wgsl',
  reads: ['qkv', 'lse', 'delta', 'dout'],
  writes: ['dqkv'],
  params: ATTENTION_PARAMS,
  variants: [{}],
  knobsFor: attentionKnobs,
  twins: BACK_KV,
  grid: (p, knobs) => [knobs.ROWS ? rowGroups(p, knobs) : 0, p.NKV!, p.B!],
  flops: (p, knobs) => flopsOf(p, knobs.ROWS ? 4 : 0),
});
