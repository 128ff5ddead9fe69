/**
 * When DiLoCo's outer steps are due, and which units take part: fragments of the model take turns (Streaming DiLoCo,
 * 2501.18512), each every `every` steps, and all of them follow the run's last step. Pure.
 */
import type { OuterPlan, ParallelPlan } from './plan';

/** What a step does beside its own training. Fragments are numbers from 0. */
export interface OuterMoment {
  /** Gradients are summed over the replicas as without `outer`. */
  readonly exact: boolean;
  /** Fragments whose average is started in this step. */
  readonly takes: readonly number[];
  /** Fragments that take their outer step in it: with an average that was started `delay` steps before, or in this step. */
  readonly uses: readonly number[];
  /** Replicas keep nothing of their own. */
  readonly isWhole?: true;
}

/** An outer step of every fragment without a delay. */
export function everyFragment({ fragments = 1 }: OuterPlan): OuterMoment {
  const all = Array.from({ length: fragments }, (_, fragment) => fragment);
  return { exact: false, takes: all, uses: all };
}

/** What is due in step `step` (from 0) of a run of `steps`. */
export function outerAt(outer: OuterPlan, step: number, steps: number): OuterMoment {
  const { every, from = 0, fragments = 1, delay = 0 } = outer;
  if (step < from) return { exact: true, takes: [], uses: [] };
  // why without a delay: after the last step there is nothing to hide an average under
  if (step === steps - 1) return { ...everyFragment(outer), isWhole: true };
  const distance = every / fragments;
  const turnAt = (border: number) => (border % distance === 0 ? [(border / distance - 1) % fragments] : []);
  // why also that: what is used after the last step is part of that one's outer step
  const takes = step + delay < steps - 1 ? turnAt(step + 1 + delay) : [];
  return { exact: false, takes, uses: step - delay >= from ? turnAt(step + 1) : [] };
}

/** The fragment of a unit: block i is in fragment i mod n, the embedding in the first, the head in the last. */
export function fragmentOf(unit: number, units: number, { fragments = 1 }: OuterPlan): number {
  if (unit === units - 1) return fragments - 1;
  return unit === 0 ? 0 : (unit - 1) % fragments;
}

/** Replicas have the same parameters after `step` committed steps: nothing was trained apart since. */
export function isTogetherAfter({ outer }: ParallelPlan, step: number, steps: number): boolean {
  if (!outer || step === 0) return true;
  const { exact, uses } = outerAt(outer, step - 1, steps);
  const isWhole = uses.length === (outer.fragments ?? 1) && (outer.delay ?? 0) === 0 && (outer.mix ?? 0) === 0;
  return exact || isWhole || step === steps;
}
