/** The kernel of a step that is submitted before the host has read its numbers (docs/decisions/021). */
import { defineKernel } from './kernel';

/**
 * guarded[8 rows + 1]: the `rows` ranges of adamw where all of `losses` losses are finite and `partials` sums of squares add
 * up to at most `most`, else ranges without elements; then 1.0 or 0.0 (f32), whether it was so.
 */
export const guard = defineKernel({
  file: 'guard_lanes.wgsl',
  reads: ['sumsq', 'loss', 'ranges'],
  writes: ['guarded'],
  params: { partials: 'u32', losses: 'u32', rows: 'u32', most: 'f32' },
  variants: [{}],
  grid: () => [1],
});
