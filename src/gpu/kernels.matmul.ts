/** The descriptor of matrix products: its files, tiles by the size of out, epilogues. */
import { ceilDiv, knob } from './grid';
import { defineKernel, type Knobs, type Params, type Twin } from './kernel';

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
  order: 'parts of k',
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
