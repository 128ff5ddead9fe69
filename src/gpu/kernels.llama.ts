/**
 * The descriptors of the kernels that only Llama has: RMSNorm, rotary positions, SwiGLU. Letters and rules: kernels.ts.
 */
import { KernelError } from '../errors';
import { ceilDiv, gridOf, knob } from './grid';
import { defineKernel } from './kernel';
import { laneGroups, normBackGrid, normBackTwin, normFold, normTwin, normWeightGrid, wideTwin } from './lanes';

/** y[R,C] = x * rstd * gamma with rstd[R] = 1 / sqrt(mean of x^2 + eps). */
export const rmsnorm = defineKernel({
  file: 'rmsnorm.wgsl',
  reads: ['x', 'gamma'],
  writes: ['y', 'rstd'],
  params: { R: 'u32', C: 'u32', eps: 'f32', gammaAt: 'u32' },
  variants: [{ WG: 16 }],
  twins: [normTwin('rmsnorm_lanes.wgsl')],
  grid: (p, knobs) => laneGroups(p.R!, knobs),
});

/**
 * dx[R,C] from dy; ACC=1 adds to dx, SKIP=1 adds the residual branch's gradient skip[R,C]. WEIGHTS and parts[normGroups,C]
 * as layernormBack.
 */
export const rmsnormBack = defineKernel({
  file: 'rmsnorm_back.wgsl',
  reads: ['x', 'gamma', 'rstd', 'dy', 'skip'],
  writes: ['dx', 'parts', 'grad'],
  optional: ['skip', 'grad'],
  params: { R: 'u32', C: 'u32', gammaAt: 'u32', gradAt: 'u32' },
  variants: [{ WG: 16 }],
  twins: [normBackTwin('rmsnorm_back_lanes.wgsl')],
  grid: (p, knobs) => normBackGrid(p, knobs, ceilDiv(p.C!, 4)),
});

/** grad[gradAt + c] += sum over rows of dy * x * rstd, the gradient of gamma. WEIGHTS as layernormWeight. */
export const rmsnormWeight = defineKernel({
  file: 'rmsnorm_weight.wgsl',
  reads: ['x', 'rstd', 'dy', 'parts'],
  writes: ['grad'],
  params: { R: 'u32', C: 'u32', gradAt: 'u32' },
  variants: [{ WG: 4 }],
  twins: [normFold('rmsnorm_fold.wgsl')],
  grid: (p, knobs) => normWeightGrid(p.C!, ceilDiv(p.C!, 4), knobs),
});

/** The `ratio` of rope: theta^(-2/H) in units of 2^-32. Throws KernelError for a base of 1 or less and for odd heads. */
export function ropeRatio(theta: number, H: number): number {
  if (!(theta > 1)) throw new KernelError(`rotary base ${theta} must be above 1`);
  if (H % 2 !== 0) throw new KernelError(`rotary positions pair the halves of a head, so head size ${H} must be even`);
  return Math.min(2 ** 32 - 1, Math.round(2 ** 32 * theta ** (-2 / H)));
}

/** How positions are stretched beyond the context a model was first trained with. */
export type RopeScaling =
  | { readonly type: 'linear'; readonly factor: number }
  | {
      readonly type: 'llama3';
      readonly factor: number;
      readonly lowFrequency: number;
      readonly highFrequency: number;
      readonly originalContext: number;
    };

/** The `shrink`, `slow` and `fast` of rope. */
export function ropeStretch(scaling: RopeScaling | undefined) {
  const units = (turns: number) => Math.min(2 ** 32 - 1, Math.round(2 ** 32 * turns));
  if (!scaling || scaling.factor === 1) return { shrink: 0, slow: 0, fast: 0 };
  const shrink = units(1 / scaling.factor);
  if (scaling.type === 'linear') return { shrink, slow: 2 ** 32 - 1, fast: 2 ** 32 - 1 };
  const { lowFrequency, highFrequency, originalContext } = scaling;
  return { shrink, slow: units(lowFrequency / originalContext), fast: units(highFrequency / originalContext) };
}

/**
 * In place: rotates the q and k parts of qkv rows [q N*H | k NKV*H | v NKV*H] by position first + row % T. Element i < H/2 of a
 * head is paired with i + H/2 and turns by theta^(-2i/H) radians per position; `ratio` is `ropeRatio(theta, H)`,
 * `shrink`, `slow` and `fast` are those of `ropeStretch`. INV=1 rotates back: the backward, on dqkv.
 */
export const rope = defineKernel({
  file: 'rope.wgsl',
  reads: [],
  writes: ['qkv'],
  params: {
    R: 'u32',
    T: 'u32',
    N: 'u32',
    NKV: 'u32',
    H: 'u32',
    ratio: 'u32',
    shrink: 'u32',
    slow: 'u32',
    fast: 'u32',
    first: 'u32',
  },
  variants: [{ WG: 16 }],
  twins: [wideTwin('rope.wgsl')],
  grid: (p, knobs) => gridOf((p.R! * p.H!) / 2, knob(knobs, 'WG')),
});

/** out[R,hidden] = silu(gate) * up of rows [gate hidden | up hidden]; SPAN consecutive elements per thread. */
export const swiglu = defineKernel({
  file: 'swiglu.wgsl',
  reads: ['gateUp'],
  writes: ['out'],
  params: { R: 'u32', hidden: 'u32' },
  variants: [{ WG: 16, SPAN: 64 }],
  twins: [wideTwin('swiglu.wgsl', { WG: 256, SPAN: 4 })],
  grid: (p, knobs) => gridOf(p.R! * ceilDiv(p.hidden!, knob(knobs, 'SPAN')), knob(knobs, 'WG')),
});

/** dgateUp[R, 2 hidden] from dout[R,hidden], same row layout. */
export const swigluBack = defineKernel({
  file: 'swiglu_back.wgsl',
  reads: ['gateUp', 'dout'],
  writes: ['dgateUp'],
  params: { R: 'u32', hidden: 'u32' },
  variants: [{ WG: 16, SPAN: 64 }],
  twins: [wideTwin('swiglu_back.wgsl', { WG: 256, SPAN: 4 })],
  grid: (p, knobs) => gridOf(p.R! * ceilDiv(p.hidden!, knob(knobs, 'SPAN')), knob(knobs, 'WG')),
});
