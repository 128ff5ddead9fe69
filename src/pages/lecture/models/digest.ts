/** The figures measured under one plan so far, so that scenes can compare plans. Pure, apart from the default time. */
import type { ParallelPlan } from '../../../plan/plan';
import { statsOf } from '../../../trace/stats';
import type { MemoryByRole, StepMetrics } from '../../tab';
import type { RankView } from '../facts/feed';
import { isOfBefore, type Moment, rankFinder } from '../facts/moment';
import { stageOfUnit, tokensPerStep, unitsOf } from '../facts/units';
import { allBytes } from './cut/states';
import { type Gantt, ganttOf } from './time/gantt';
import { linkLoads, overAllAxes, sentBytes } from './traffic/links';
import { type Parts, partsOf, type Segments, segmentsOf } from './traffic/segments';

export interface Digest {
  readonly plan: ParallelPlan;
  readonly kind: Moment['kind'];
  /** The handicaps of the tabs (conditionsOf). Figures measured under other handicaps are not averaged with these. */
  readonly conditions: string;
  /** Whether the figures are of the first step under its plan and handicaps; the next step then replaces them. */
  readonly isFirst: boolean;
  /** Number of steps that `bubble` and `overlap` average, at most MAX_SAMPLES. */
  readonly samples: number;
  readonly bubble: number;
  readonly overlap: number;
  /** By rank; null where a rank has not reported. */
  readonly memory: readonly (MemoryByRole | null)[];
  /** Payload bytes each rank sent in the newest step. */
  readonly sent: readonly number[];
  readonly tokensPerSecond: number;
  /** The newest step of a pipeline; null for a plan without one. */
  readonly gantt: Gantt | null;
  /** What each rank did in the newest step; `parts` holds the milliseconds of each activity, mean over the ranks. */
  readonly segments: Segments;
  readonly parts: Parts;
  /** Time of the newest update, milliseconds since the epoch. */
  readonly takenMs: number;
}

/** From this number of samples on, the mean gives each new value the weight 1 / MAX_SAMPLES. */
const MAX_SAMPLES = 20;

/** The distinct handicaps of the tabs as one string; independent of the number of tabs. Which links counts only where some are slow. */
export const conditionsOf = (ranks: readonly Pick<RankView, 'handicap'>[]): string => {
  const told = ranks.map(({ handicap: { unitMs, latencyMs, mbitPerSecond, links = 'all' } }) => {
    return `${unitMs} ${latencyMs} ${mbitPerSecond}${latencyMs + mbitPerSecond > 0 ? ` ${links}` : ''}`;
  });
  return [...new Set(told)].sort().join(', ');
};

/** Updates `known`, the digest of the same plan and kind (undefined for none), with the step of `moment`. */
export function digestOf(moment: Moment, known: Digest | undefined, nowMs = Date.now()): Digest | undefined {
  const { plan, run, events, ranks, metrics, alikeSince, kind, step } = moment;
  if (!plan || !run || events.length === 0 || isOfBefore(moment)) return known;
  const conditions = conditionsOf(ranks);
  const isSame = known?.conditions === conditions;
  // why: the first step under a plan also builds buffers and GPU pipelines, and tabs are slowed in the middle of one, so
  // the next step replaces its figures
  const isFirst = kind === 'live' && step === alikeSince;
  if (isFirst && isSame) return known;
  const before = isSame && !known.isFirst ? known : undefined;
  const stats = statsOf(events, tokensPerStep(run));
  const rankOf = rankFinder(ranks);
  const loads = linkLoads(events, rankOf);
  const segments = segmentsOf(events, ranks.length, rankOf);
  const samples = Math.min(MAX_SAMPLES, (before?.samples ?? 0) + 1);
  const mean = (old: number, value: number) => old + (value - old) / samples;
  return {
    plan,
    kind,
    conditions,
    isFirst,
    samples,
    bubble: mean(before?.bubble ?? 0, stats.bubble),
    overlap: mean(before?.overlap ?? 0, stats.overlap),
    memory: ranks.map(({ memory }) => memory),
    sent: ranks.map(({ rank }) => overAllAxes(sentBytes(loads, rank))),
    tokensPerSecond: paceOf(metrics, alikeSince, tokensPerStep(run)) || roomRate(ranks, plan),
    gantt: plan.pp > 1 ? ganttOf(events, ranks.length, stageOfUnit(unitsOf(run, plan), plan)) : null,
    segments,
    parts: partsOf(segments),
    takenMs: nowMs,
  };
}

/** Tokens per second of the median of the newest 50 steps after step `since`; 0 for no step. */
export function paceOf(metrics: readonly StepMetrics[], since: number, tokens: number): number {
  const times: number[] = [];
  for (let i = metrics.length - 1; i >= 0 && metrics[i]!.step > since && times.length < 50; i--)
    times.push(metrics[i]!.ms);
  if (times.length === 0) return 0;
  times.sort((a, b) => a - b);
  return (1000 * tokens) / times[Math.floor(times.length / 2)]!;
}

/** Tokens/s of the whole room. Divides by pp x tp: all ranks of one replica report the same tokens. */
export function roomRate(ranks: readonly RankView[], { pp, tp }: Pick<ParallelPlan, 'pp' | 'tp'>): number {
  return ranks.reduce((sum, { tokensPerSecond }) => sum + tokensPerSecond, 0) / (pp * tp);
}

export const fullest = ({ memory }: Digest): number => Math.max(0, ...memory.map((one) => (one ? allBytes(one) : 0)));

export const busiest = ({ sent }: Digest): number => Math.max(0, ...sent);

/** A plan as text with sorted fields: equal plans give equal texts, in whatever order another tab sent the fields. */
export const cutOf = (plan: ParallelPlan): string =>
  JSON.stringify(Object.entries(plan).sort(([a], [b]) => (a < b ? -1 : 1)));

export const isSameCut = (a: ParallelPlan | null, b: ParallelPlan): boolean => a !== null && cutOf(a) === cutOf(b);

export const keyOf = (plan: ParallelPlan, kind: Moment['kind']): string => `${kind} ${cutOf(plan)}`;
