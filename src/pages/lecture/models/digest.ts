/** What was measured under each plan so far, so that scenes can set plans side by side. Pure but for the store itself. */
import type { ParallelPlan } from '../../../plan/plan';
import { statsOf } from '../../../trace/stats';
import type { MemoryByRole, StepMetrics } from '../../tab';
import type { RankView } from '../facts/feed';
import { type Moment, rankFinder } from '../facts/moment';
import { stageOfUnit, tokensPerStep, unitsOf } from '../facts/units';
import { type Gantt, ganttOf } from './gantt';
import { linkLoads, sentBytes, totalOf } from './links';
import { type Parts, partsOf, type Segments, segmentsOf } from './segments';
import { allBytes } from './states';

export interface Digest {
  readonly plan: ParallelPlan;
  readonly kind: Moment['kind'];
  /** Who was slow on purpose, and how: figures under other conditions are no samples of these. */
  readonly conditions: string;
  /** It is of the first step under the plan, which the next one replaces. */
  readonly isFirst: boolean;
  /** Steps that `bubble` and `overlap` are means of. */
  readonly samples: number;
  readonly bubble: number;
  readonly overlap: number;
  /** By rank; null where a rank has not told. */
  readonly memory: readonly (MemoryByRole | null)[];
  /** Payload bytes each rank sent in the newest step. */
  readonly sent: readonly number[];
  readonly tokensPerSecond: number;
  /** Of a pipeline, its newest step. */
  readonly gantt: Gantt | null;
  /** What the ranks did in the newest step, and of the mean rank how long. */
  readonly segments: Segments;
  readonly parts: Parts;
  /** When the newest step was seen, milliseconds since the epoch. */
  readonly takenMs: number;
}

/** Newest values win after this many. */
const MAX_SAMPLES = 20;

/** How slow tabs are on purpose: equal for plans on different numbers of tabs where all tabs are alike. */
export const conditionsOf = (ranks: readonly RankView[]): string =>
  [...new Set(ranks.map(({ handicap }) => JSON.stringify(handicap)))].sort().join(' ');

/** `known` with what `moment` shows; `known` is of the same plan and kind, or undefined. */
export function digestOf(moment: Moment, known: Digest | undefined, nowMs = Date.now()): Digest | undefined {
  const { plan, run, events, ranks, metrics, since, kind } = moment;
  if (!plan || !run || events.length === 0) return known;
  const conditions = conditionsOf(ranks);
  const isSame = known?.conditions === conditions;
  // why: the first step under a plan builds buffers and pipelines, so it stands only until there is another
  const isFirst = kind === 'live' && moment.step === since;
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
    sent: ranks.map(({ rank }) => totalOf(sentBytes(loads, rank))),
    tokensPerSecond: paceOf(metrics, since, tokensPerStep(run)) || roomRate(ranks, plan),
    gantt: plan.pp > 1 ? ganttOf(events, ranks.length, stageOfUnit(unitsOf(run, plan), plan)) : null,
    segments,
    parts: partsOf(segments),
    takenMs: nowMs,
  };
}

/** Tokens per second of the median step since the plan began, its first step left out; 0 for fewer than two. */
export function paceOf(metrics: readonly StepMetrics[], since: number, tokens: number): number {
  const times: number[] = [];
  for (let i = metrics.length - 1; i >= 0 && metrics[i]!.step > since && times.length < 50; i--)
    times.push(metrics[i]!.ms);
  if (times.length === 0) return 0;
  times.sort((a, b) => a - b);
  return (1000 * tokens) / times[Math.floor(times.length / 2)]!;
}

/** Of the whole room, as the ranks tell it: those of one pipeline and one split all tell of the same tokens. */
export function roomRate(ranks: readonly RankView[], { pp, tp }: Pick<ParallelPlan, 'pp' | 'tp'>): number {
  return ranks.reduce((sum, { tokensPerSecond }) => sum + tokensPerSecond, 0) / (pp * tp);
}

export const fullest = ({ memory }: Digest): number => Math.max(0, ...memory.map((one) => (one ? allBytes(one) : 0)));

export const busiest = ({ sent }: Digest): number => Math.max(0, ...sent);

/** The same for equal plans: fields of one that came from another tab may stand in another order. */
export const cutOf = (plan: ParallelPlan): string =>
  JSON.stringify(Object.entries(plan).sort(([a], [b]) => (a < b ? -1 : 1)));

export const keyOf = (plan: ParallelPlan, kind: Moment['kind']): string => `${kind} ${cutOf(plan)}`;
