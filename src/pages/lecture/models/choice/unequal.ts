/** Tabs of unequal speed: how long each takes for a sample, the best shares of the batch, and the step against the optimum. */
import { bestShares } from '../../../../plan/bestshares';
import type { ParallelPlan } from '../../../../plan/plan';
import { replicaShares } from '../../../../plan/shares';
import { computeEvents } from '../../../../trace/stats';
import type { TraceEvent } from '../../../../trace/trace';
import type { StepMetrics } from '../../../tab';

/** By rank: milliseconds of its passes of one sample in a step under `plan`; undefined where a rank computed nothing. */
export function sampleTimes(
  events: readonly TraceEvent[],
  plan: ParallelPlan,
  globalBatch: number,
): readonly number[] | undefined {
  const shares = replicaShares(globalBatch, plan);
  if (plan.dp !== plan.dp * plan.pp * plan.tp) return undefined;
  const times = shares.map((share, rank) => {
    const passes = computeEvents(events).filter((event) => event.rank === rank);
    return passes.reduce((sum, { t0, t1 }) => sum + t1 - t0, 0) / share;
  });
  return times.every((ms) => ms > 0) ? times : undefined;
}

/** The shares with which the slowest tab is done first. Throws PlanError where there are more tabs than samples. */
export function sharesBySpeed(sampleMs: readonly number[], globalBatch: number): readonly number[] {
  return bestShares(
    globalBatch,
    sampleMs.map((ms) => ({ sampleMs: ms, fixedMs: 0, mostSamples: globalBatch })),
  );
}

/** Milliseconds of the slowest tab. */
export const slowestMs = (sampleMs: readonly number[], shares: readonly number[]): number =>
  Math.max(...sampleMs.map((ms, rank) => ms * (shares[rank] ?? 0)));

/** Milliseconds of a step in which no tab waits: samples can be divided at will, and nothing is exchanged. */
export const optimumMs = (sampleMs: readonly number[], globalBatch: number): number =>
  globalBatch / sampleMs.reduce((sum, ms) => sum + 1 / ms, 0);

/** Median time of the newest 20 steps after step `since`; undefined before there is one. */
export function measuredStepMs(metrics: readonly StepMetrics[], since: number): number | undefined {
  const times = metrics
    .filter(({ step }) => step > since)
    .slice(-20)
    .map(({ ms }) => ms)
    .sort((a, b) => a - b);
  return times[times.length >> 1];
}
