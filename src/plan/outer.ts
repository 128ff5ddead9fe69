/**
 * When DiLoCo's outer steps are due, and which units take part. Fragments of the model take turns (Streaming DiLoCo,
 * 2501.18512), each every `every` steps. In the run's last step all fragments take an outer step. Pure.
 */
import type { OuterPlan, ParallelPlan } from './plan';

/** What a step does besides its own training. Fragments are numbered from 0. */
export interface OuterMoment {
  /** Gradients are summed over the replicas as without `outer`. */
  readonly exact: boolean;
  /** Fragments whose average is started in this step. */
  readonly takes: readonly number[];
  /** Fragments that take their outer step in this step, with an average that was started `delay` steps before. */
  readonly uses: readonly number[];
  /** Replicas keep nothing of their own parameters, whatever `mix` says. */
  readonly isWhole?: true;
}

/** An outer step of all fragments, without a delay. */
export function everyFragment({ fragments = 1 }: OuterPlan): OuterMoment {
  const all = Array.from({ length: fragments }, (_, fragment) => fragment);
  return { exact: false, takes: all, uses: all };
}

/** What is due in step `step` (from 0) of a run of `steps`. */
export function outerAt(outer: OuterPlan, step: number, steps: number): OuterMoment {
  const { every, from = 0, fragments = 1, delay = 0 } = outer;
  if (step < from) return { exact: true, takes: [], uses: [] };
  // why without a delay: after the last step there is no compute to hide an average under
  if (step === steps - 1) return { ...everyFragment(outer), isWhole: true };
  const distance = every / fragments;
  const turnAt = (border: number) => (border % distance === 0 ? [(border / distance - 1) % fragments] : []);
  // why the limit: an average that would be used in the last step or later is part of the last step's outer step
  const takes = step + delay < steps - 1 ? turnAt(step + 1 + delay) : [];
  return { exact: false, takes, uses: step - delay >= from ? turnAt(step + 1) : [] };
}

/**
 * The fragments whose newest outer step was due and is missing after `step` committed steps. `made`: committed steps at
 * the newest outer step, or when the replicas began to train apart. Only the newest turn can be missing, because the next
 * step commits only after it.
 */
export function missingAt(outer: OuterPlan, step: number, made: number, steps: number): readonly number[] {
  const { every, fragments = 1 } = outer;
  if (step === steps) return made < steps ? everyFragment(outer).uses : [];
  const distance = every / fragments;
  const border = step - (step % distance);
  return made < border ? [(border / distance - 1) % fragments] : [];
}

/** The fragment of a unit: block i is in fragment i mod n, the embedding in the first, the head in the last. */
export function fragmentOf(unit: number, units: number, { fragments = 1 }: OuterPlan): number {
  if (unit === units - 1) return fragments - 1;
  return unit === 0 ? 0 : (unit - 1) % fragments;
}

/** True if all replicas have the same parameters after `step` committed steps. */
export function isTogetherAfter({ outer }: ParallelPlan, step: number, steps: number): boolean {
  if (!outer || step === 0) return true;
  const { exact, uses } = outerAt(outer, step - 1, steps);
  const isWhole = uses.length === (outer.fragments ?? 1) && (outer.delay ?? 0) === 0 && (outer.mix ?? 0) === 0;
  return exact || isWhole || step === steps;
}
