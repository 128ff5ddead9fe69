/** What far tabs pay under a plan: measured in this room's steps where it ran, else expected by the simulator. */
import type { ParallelPlan } from '../../../../plan/plan';
import type { StepMetrics } from '../../../tab';
import type { ApartClock } from '../time/apart';

export interface FarFigures {
  readonly stepMs: number;
  /** Bytes that the tab which sends most sends in a step, mean over the steps. */
  readonly sentBytes: number;
  readonly tokensPerSecond: number;
}

/** A whole number of turns of a plan: `every` steps with outer steps, any number without. */
const turnOf = ({ outer }: ParallelPlan): number => outer?.every ?? 1;

/** The mean over the newest whole turns after step `since`; undefined before there is one. */
export function measuredFar(
  metrics: readonly StepMetrics[],
  since: number,
  plan: ParallelPlan,
  tokens: number,
): FarFigures | undefined {
  const steps = metrics.filter(({ step }) => step > since);
  const turn = turnOf(plan);
  const turns = Math.min(Math.ceil(20 / turn), Math.floor(steps.length / turn));
  if (turns === 0) return undefined;
  const newest = steps.slice(-turns * turn);
  const mean = (of: (one: StepMetrics) => number) => newest.reduce((sum, one) => sum + of(one), 0) / newest.length;
  const stepMs = mean(({ ms }) => ms);
  return {
    stepMs,
    sentBytes: mean(({ bytesSent }) => Math.max(0, ...bytesSent)),
    tokensPerSecond: stepMs > 0 ? (1000 * tokens) / stepMs : 0,
  };
}

/** The same of simulated steps. */
export function expectedFar({ ends, sentBytes }: ApartClock, spanMs: number, tokens: number): FarFigures {
  const stepMs = spanMs / Math.max(1, ends.length);
  const sent = sentBytes.reduce((sum, bytes) => sum + bytes, 0) / Math.max(1, sentBytes.length);
  return { stepMs, sentBytes: sent, tokensPerSecond: stepMs > 0 ? (1000 * tokens) / stepMs : 0 };
}
