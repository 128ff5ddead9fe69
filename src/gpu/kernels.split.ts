/**
 * The descriptors of the kernels for a token table split by rows over the tensor-parallel group: this rank holds the V
 * tokens [lo, lo + V). The loss alternates kernels and collectives (lines of the tape): xentMax, maximum of `peak`,
 * xentSum, sum of `sums`, xentGrad. embedBack needs no split version: `starts` lists only the tokens of the range.
 */

import { ceilDiv, gridOf, knob } from './grid';
import { defineKernel } from './kernel';
import { laneGroups, logitTwin, wideTwin } from './lanes';

/**
 * out[R,C] = wte[token - lo], or zero for a token of another rank; to be summed over the group. WPE=1 adds
 * wpe[row % T]. Only tensor-parallel rank 0 sets it, so that the sum contains the positions once.
 */
export const embedSplit = defineKernel({
  file: 'embed_split.wgsl',
  reads: ['tokens', 'wte', 'wpe'],
  writes: ['out'],
  optional: ['wpe'],
  params: { R: 'u32', T: 'u32', C: 'u32', V: 'u32', lo: 'u32', wteAt: 'u32', wpeAt: 'u32' },
  variants: [{ WG: 16, SPAN: 64 }],
  twins: [wideTwin('embed_split.wgsl', { WG: 256, SPAN: 4 })],
  grid: (p, knobs) => gridOf(p.R! * ceilDiv(p.C!, knob(knobs, 'SPAN')), knob(knobs, 'WG')),
});

/** peak[R] = largest of the row's own logits [R,V]. */
export const xentMax = defineKernel({
  file: 'xent_max.wgsl',
  reads: ['logits'],
  writes: ['peak'],
  params: { R: 'u32', V: 'u32' },
  variants: [{ WG: 16 }],
  twins: [logitTwin('xent_max_lanes.wgsl', false)],
  grid: (p, knobs) => laneGroups(p.R!, knobs),
});

/**
 * sums[R,2] = sum of exp(logit - peak) over this rank's logits, and the target's logit - peak if this rank has the
 * target, else 0. peak[R] is the maximum over the group. One collective sums both over the group.
 */
export const xentSum = defineKernel({
  file: 'xent_sum.wgsl',
  reads: ['logits', 'targets', 'peak'],
  writes: ['sums'],
  params: { R: 'u32', V: 'u32', lo: 'u32' },
  variants: [{ WG: 16 }],
  twins: [logitTwin('xent_sum_lanes.wgsl', false)],
  grid: (p, knobs) => laneGroups(p.R!, knobs),
});

/**
 * Takes peak[R] and sums[R,2] over the tokens [0, lo) and extends them to [0, lo + V) by the logits [R,V] of
 * [lo, lo + V). FIRST=1: there are no tokens before. sums: the sum of exp(logit - peak), and the target's logit. LAST=1
 * subtracts peak from the target's logit, as xentGrad needs it.
 */
export const xentFold = defineKernel({
  file: 'xent_fold.wgsl',
  reads: ['logits', 'targets'],
  writes: ['peak', 'sums'],
  params: { R: 'u32', V: 'u32', lo: 'u32' },
  variants: [{ WG: 16 }],
  twins: [logitTwin('xent_fold_lanes.wgsl', true)],
  grid: (p, knobs) => laneGroups(p.R!, knobs),
});

/**
 * In place: this rank's logits[R,V] become softmax - onehot(target); loss[R] in nats, the same on every rank. peak and
 * sums are those of the group. An IGNORED_TARGET gives loss 0 and a zero row. GRAD=0 leaves logits unchanged, LOSS=0
 * writes no loss.
 */
export const xentGrad = defineKernel({
  file: 'xent_grad.wgsl',
  reads: ['targets', 'peak', 'sums'],
  writes: ['logits', 'loss'],
  optional: ['loss'],
  params: { R: 'u32', V: 'u32', lo: 'u32' },
  variants: [{ WG: 16 }],
  // it adds nothing up
  twins: [{ ...logitTwin('xent_grad_lanes.wgsl', false), shuffles: false }],
  grid: (p, knobs) => laneGroups(p.R!, knobs),
});
