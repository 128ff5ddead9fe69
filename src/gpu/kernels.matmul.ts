/** The descriptor of matrix products: its files, tiles by the size of out, epilogues. */
import { ceilDiv, gridOf, knob } from './grid';
import { defineKernel, type Knobs, type Params, type Twin } from './kernel';

/** Epilogues of matmul: the EPI knob. */
export const EPI = { none: 0, gelu: 1, dgelu: 2, residual: 3 } as const;

/** The activation of the epilogue gelu: the ACT knob. */
export const ACT = { 'gelu-tanh': 0, gelu: 1, relu: 2 } as const;
export type Activation = keyof typeof ACT;

const isByFour = (p: Params, taped: Knobs): boolean =>
  p.N! % 4 === 0 && (taped.TA ? p.M! : p.K!) % 4 === 0 && (!taped.TB || p.K! % 4 === 0);

/** Tile files fill the parts of k that the tape has room for. */
const knobsFor = (_: Params, { PARTS = 1 }: Knobs): Knobs => (PARTS > 1 ? { SPLIT: PARTS } : {});

const tile = (WX: number, WY: number, TM: number, TN: number): Twin => {
  return { file: 'matmul_tile.wgsl', knobs: { WX, WY, TM, TN }, knobsFor, fits: isByFour };
};

/** By rows and columns of a tile of out. All of them give the same bits. */
const TILES = {
  of32: tile(8, 8, 4, 4),
  /** Half the registers of of64, for chips that have few. */
  of64slim: tile(16, 16, 4, 4),
  of64: tile(16, 8, 8, 4),
  of128: tile(16, 16, 8, 8),
  /** For sizes that are no multiples of 4. */
  single: { file: 'matmul_tile1.wgsl', knobs: { WX: 16, WY: 8, TM: 8, TN: 4 }, knobsFor },
} satisfies Record<string, Twin>;

const SPLIT_K: Twin = {
  file: 'matmul_splitk.wgsl',
  order: 'parts of k',
  knobs: { WX: 4, WY: 4, TM: 4, TN: 4 },
  fits: (p) => p.K! >= 256,
};

const HALF = { needs: 'shader-f16', half: true } as const;
const SINGLE_HALF: Twin = { ...HALF, file: 'matmul_half.wgsl', knobs: { WX: 8, WY: 16, TM: 4, TN: 8 }, knobsFor };

/** The same tiles in f16. */
function halfOf(twin: Twin): readonly Twin[] {
  if (twin.file === 'matmul_tile.wgsl') return [{ ...twin, ...HALF, file: 'matmul_half4.wgsl' }];
  return twin.file === 'matmul_tile1.wgsl' ? [{ ...twin, ...SINGLE_HALF }] : [];
}

/** The largest tiles of which there are enough to fill a chip come first. */
function tilesFor(p: Params, taped: Knobs): readonly Twin[] {
  const { PARTS = 1 } = taped;
  const tiles = (side: number) => ceilDiv(p.M!, side) * ceilDiv(p.N!, side) * PARTS;
  const { of32, of64slim, of64, of128, single } = TILES;
  const isOdd = !isByFour(p, taped);
  // Only tile files fill parts, so nothing is compared with the others.
  if (PARTS > 1) return [{ ...(isOdd ? single : tiles(128) >= 256 ? of128 : of64), alone: true }];
  if (isOdd) return tiles(64) >= 64 ? [single] : [single, SPLIT_K];
  // why: one row of logits while text is written would fill a 128th of a large tile
  const isThin = Math.min(p.M!, p.N!) <= 32;
  if (isThin) return [of32, of64slim, SPLIT_K];
  if (tiles(128) >= 256) return [of128, of64, of64slim];
  if (tiles(64) >= 64) return [of64, of128, of32];
  return [of32, of64slim, SPLIT_K];
}

/** Multiply-adds from which a dispatch more to add up parts of k does not matter. */
const LARGE = 2 ** 30;

/**
 * Parts of k into which graphics chips cut a product that adds to a small `out`, as dW does: one workgroup a tile would
 * leave most of the chip idle. From the sizes alone, so that ranks of other chips add in the same order.
 */
export function productParts(M: number, N: number, K: number): number {
  if (N % 4 !== 0 || M * N * K < LARGE) return 1;
  const tiles = ceilDiv(M, 128) * ceilDiv(N, 128);
  return Math.max(1, Math.min(ceilDiv(512, tiles), 16, Math.floor(K / 512)));
}

/**
 * out[M,N] = op(a) op(b), or += with ACC=1. TA=1: a is stored [K,M]; TB=1: b is stored [N,K]. BIAS=1 adds bias[N].
 * EPI gelu: aux = pre-activation, out = its activation (ACT, tanh-gelu by default); dgelu: out = acc * gelu'(extra); residual: out = acc + extra.
 * PARTS > 1 (with ACC=1): graphics chips leave the sums of so many parts of k in aux [PARTS, M N + N] instead of adding to
 * out, and the bias gradient's behind them; partsFold adds them. Processors write to out and no partsFold runs.
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
    SINGLE_HALF,
    ...[TILES.of32, TILES.of64slim, TILES.of64, TILES.of128].flatMap(halfOf),
    SPLIT_K,
  ],
  onGpu: (p, taped) => {
    const tiles = tilesFor(p, taped);
    return [...tiles, ...tiles.flatMap(halfOf)];
  },
  // All files take k by a divisor of 16.
  knobsFor: (p) => ({ TAIL: p.K! % 16 === 0 ? 0 : 1 }),
  grid: (p, knobs) => [
    ceilDiv(p.N!, knob(knobs, 'WX') * knob(knobs, 'TN')),
    ceilDiv(p.M!, knob(knobs, 'WY') * knob(knobs, 'TM')),
    knobs.SPLIT ?? 1,
  ],
  flops: (p) => 2 * p.M! * p.N! * p.K!,
});

/** out += the sums that matmul left in `parts` for the same PARTS and BIASGRAD. */
export const partsFold = defineKernel({
  file: 'parts_fold.wgsl',
  reads: ['parts'],
  writes: ['out'],
  params: { M: 'u32', N: 'u32', biasAt: 'u32', outAt: 'u32' },
  variants: [{ WG: 256, ACTIVE: 0 }],
  twins: [{ file: 'parts_fold.wgsl', knobs: { WG: 256, ACTIVE: 1 }, alone: true }],
  grid: (p, knobs) => (knobs.ACTIVE ? gridOf(((p.M! + 1) * p.N!) / 4, knob(knobs, 'WG')) : [0]),
});
