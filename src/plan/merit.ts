/** The order of predicted plans: which of two is better, and the best of those that are alike. */
import type { ParallelPlan } from './plan';
import type { Prediction } from './prediction';

/** The best of the plans that differ only in microbatches and recompute. */
export function bestOfEach(predictions: readonly Prediction[]): Prediction[] {
  const best = new Map<string, Prediction>();
  for (const prediction of predictions) {
    const { dp, pp, tp, zero, schedule, chunks } = prediction.plan;
    const key = [dp, pp, tp, zero, schedule, chunks].join(' ');
    const known = best.get(key);
    if (!known || byMerit(prediction, known) < 0) best.set(key, prediction);
  }
  return [...best.values()];
}

/**
 * Negative when `a` is better: it fits, is faster, or is as fast (in the same half per cent) and simpler. If neither
 * fits, the one that needs less memory is better.
 */
export function byMerit(a: Prediction, b: Prediction): number {
  if (a.fits !== b.fits) return a.fits ? -1 : 1;
  if (!a.fits) return a.memoryBytes - b.memoryBytes;
  const speed = ({ stepMs }: Prediction) => Math.round(Math.log(stepMs) / Math.log(1.005));
  return speed(a) - speed(b) || complexity(a.plan) - complexity(b.plan);
}

/** A larger number for a plan with more to go wrong and to explain. */
export function complexity({ tp, pp, zero, recompute, perMachine, chunks, microbatches }: ParallelPlan): number {
  const extras = 10 * Number(recompute) + 5 * Number(perMachine !== undefined);
  return 1000 * (tp - 1) + 100 * (pp - 1) + 20 * zero + extras + chunks + microbatches / 100;
}
