/**
 * The descriptors of all kernels of the GPT-2 tape and the optimizer. Others: Llama's (kernels.llama.ts), split tables
 * (kernels.split.ts), decoding (kernels.cache.ts). R = B*T rows, f32 unless said, row-major. `xAt` is the first element
 * of binding `x` and a multiple of 4. All additions are in a fixed order: no kernel uses atomics, so the same device
 * gives the same bits every time.
 */
import { ceilDiv, gridOf, knob } from './grid';
import { defineKernel } from './kernel';
import {
  columnFold,
  laneGroups,
  logitTwin,
  normBackGrid,
  normBackTwin,
  normFold,
  normTwin,
  normWeightGrid,
  wideTwin,
} from './lanes';

export * from './kernels.attention';
export * from './kernels.matmul';

/** y[R,C] = (x - mean) * rstd * gamma + beta; stats[R,2] = mean, rstd. */
export const layernorm = defineKernel({
  file: 'layernorm.wgsl',
  reads: ['x', 'gamma', 'beta'],
  writes: ['y', 'stats'],
  params: { R: 'u32', C: 'u32', eps: 'f32', gammaAt: 'u32', betaAt: 'u32' },
  variants: [{ WG: 16 }],
  twins: [normTwin('layernorm_lanes.wgsl')],
  grid: (p, knobs) => laneGroups(p.R!, knobs),
});

/**
 * dx[R,C] from dy; ACC=1 adds to dx; SKIP=1 adds skip[R,C], the gradient of a residual branch. WEIGHTS=1 also does what
 * layernormWeight does; elsewhere `grad` is left alone. On graphics chips also parts[normGroups,2,C] where there are many
 * rows or WEIGHTS is 0, which layernormWeight adds up there; elsewhere that reads x and dy and nothing is in parts.
 */
export const layernormBack = defineKernel({
  file: 'layernorm_back.wgsl',
  reads: ['x', 'gamma', 'stats', 'dy', 'skip'],
  writes: ['dx', 'parts', 'grad'],
  optional: ['skip', 'grad'],
  params: { R: 'u32', C: 'u32', gammaAt: 'u32', gradAt: 'u32', betaAt: 'u32' },
  variants: [{ WG: 16 }],
  twins: [normBackTwin('layernorm_back_lanes.wgsl')],
  grid: (p, knobs) => normBackGrid(p, knobs, p.C!),
});

/**
 * grad[gradAt..] += sum of dy * xhat (gamma's), grad[betaAt..] += sum of dy, over rows. WEIGHTS=1: layernormBack of the
 * same WEIGHTS may have done it, and this is left out.
 */
export const layernormWeight = defineKernel({
  file: 'layernorm_weight.wgsl',
  reads: ['x', 'stats', 'dy', 'parts'],
  writes: ['grad'],
  params: { R: 'u32', C: 'u32', gradAt: 'u32', betaAt: 'u32' },
  variants: [{ WG: 8 }],
  twins: [normFold('layernorm_fold.wgsl')],
  grid: (p, knobs) => normWeightGrid(2 * p.C!, p.C!, knobs),
});

/** out[outAt + c] += sum over rows of x[R,C]. */
export const colsum = defineKernel({
  file: 'colsum.wgsl',
  reads: ['x'],
  writes: ['out'],
  params: { R: 'u32', C: 'u32', outAt: 'u32' },
  variants: [{ WG: 8 }],
  twins: [columnFold('colsum_fold.wgsl')],
  grid: (p, knobs) => gridOf(p.C!, knobs.WG ?? 1024 / knob(knobs, 'DEEP')),
});

/** out[R,C] = wte[token] + wpe[row % T]; tokens u32. WPE=0 leaves the position table out. */
export const embed = defineKernel({
  file: 'embed.wgsl',
  reads: ['tokens', 'wte', 'wpe'],
  writes: ['out'],
  optional: ['wpe'],
  params: { R: 'u32', T: 'u32', C: 'u32', wteAt: 'u32', wpeAt: 'u32' },
  variants: [{ WG: 64 }],
  twins: [wideTwin('embed.wgsl')],
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
  twins: [{ file: 'embed_back_lanes.wgsl', knobs: {}, order: 'lanes', alone: true, fits: (p) => p.C! % 4 === 0 }],
  grid: (p, knobs) => (knobs.WG ? gridOf(p.V! * p.C!, knobs.WG) : gridOf(p.V! * ceilDiv(p.C!, 128), 1)),
});

/** grad[gradAt + t*C + c] += sum over b of dy[b,t,c]. */
export const embedPosBack = defineKernel({
  file: 'embed_pos_back.wgsl',
  reads: ['dy'],
  writes: ['grad'],
  params: { B: 'u32', T: 'u32', C: 'u32', gradAt: 'u32' },
  variants: [{ WG: 64 }],
  twins: [wideTwin('embed_pos_back.wgsl')],
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
  twins: [logitTwin('xent_lanes.wgsl', true)],
  grid: (p, knobs) => laneGroups(p.R!, knobs),
});

/** out[outAt] = sum of x[0..n): the loss of one microbatch. */
export const sum = defineKernel({
  file: 'sum.wgsl',
  reads: ['x'],
  writes: ['out'],
  params: { n: 'u32', outAt: 'u32' },
  variants: [{}],
  twins: [{ file: 'sum_lanes.wgsl', knobs: {}, order: 'lanes', alone: true }],
  grid: () => [1],
});

/** Partial sums that sumsq writes for each range; the host adds them in float64. */
export const SUMSQ_PARTIALS = 1024;

/**
 * out[outAt + 1024 r + i] = sum of squares of elements i, i + 1024, i + 2048 ... of range r of x. `ranges` (u32): first
 * element and length of each of `count`. odd 0: all of these are multiples of 4.
 */
export const sumsq = defineKernel({
  file: 'sumsq.wgsl',
  reads: ['x', 'ranges'],
  writes: ['out'],
  params: { count: 'u32', odd: 'u32', outAt: 'u32' },
  variants: [{ WG: 64 }],
  twins: [{ file: 'sumsq_lanes.wgsl', knobs: {}, order: 'lanes', alone: true, fits: (p) => p.odd === 0 }],
  grid: (p, knobs) => [knobs.WG ? SUMSQ_PARTIALS / knobs.WG : 256, p.count!],
});

/** Workgroups of a range of adamw; where it is longer, every thread takes several turns. */
const ADAMW_GROUPS = 4096;

/**
 * Decoupled AdamW on `count` ranges of elements, the longest of `longest`: g = grad * scale. `ranges` (u32,
 * eight each): gradAt, paramAt, mAt (v follows m), n, how many of the n are decayed; all multiples of 4. c1 and c2 are the bias
 * corrections 1 - beta^step, computed on the host.
 */
export const adamw = defineKernel({
  file: 'adamw.wgsl',
  reads: ['grad', 'ranges'],
  writes: ['param', 'moment'],
  params: {
    count: 'u32',
    longest: 'u32',
    lr: 'f32',
    beta1: 'f32',
    beta2: 'f32',
    eps: 'f32',
    weightDecay: 'f32',
    c1: 'f32',
    c2: 'f32',
    scale: 'f32',
  },
  variants: [{ WG: 64, EACH: 4 }],
  twins: [{ file: 'adamw4.wgsl', knobs: { WG: 256, EACH: 4 }, alone: true }],
  grid: (p, knobs) => [Math.min(ADAMW_GROUPS, ceilDiv(p.longest!, knob(knobs, 'EACH') * knob(knobs, 'WG'))), p.count!],
});

/** Floating point operations of AdamW on one element. */
export const ADAMW_FLOPS = 12;
