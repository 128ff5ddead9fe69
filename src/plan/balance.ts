/**
 * Fits a plan to the speed that its ranks were measured at while they trained. As unequal.ts, but from the time that each
 * rank computes in a step, so that nothing has to be run to measure. Pure.
 */
import { isWholeOnAll, type ParallelPlan, type UnitSize } from './plan';
import { bestShares, type ReplicaSpeed, replicaShares } from './shares';
import { cutUnits, stageCoord, stageCount, stageSpans } from './stages';

/** A rank whose least share takes this many times the step of the others slows them. */
const BRAKE = 1.1;

/** What is known of a rank. */
export interface RankLoad {
  /** Time in its passes of a step under the plan. */
  readonly ms: number;
  /** The most samples of a step that its memory holds. */
  readonly mostSamples: number;
}

interface Balanced {
  readonly plan: ParallelPlan;
  /** Milliseconds of a step that the slowest rank saves. */
  readonly gainMs: number;
}

/**
 * The plan with other shares, or other shares and stages, and what that saves; null where nothing saves anything.
 * `ranks`: by rank. `units`: all units of the model.
 */
export function balance(
  plan: ParallelPlan,
  units: readonly UnitSize[],
  globalBatch: number,
  ranks: readonly RankLoad[],
): Balanced | null {
  const pace = paceOf(plan, units, globalBatch, ranks);
  const cuts = plan.pp > 1 ? [plan, { ...plan, stageUnits: stageUnitsAt(plan, units, pace) }] : [plan];
  const found = cuts.flatMap((cut) => balanceShares(cut, units, globalBatch, ranks, pace) ?? []);
  // why the first of equals: other stages move parameters between ranks, other shares only samples
  return found.reduce<Balanced | null>((best, one) => (one.gainMs > (best?.gainMs ?? 0) ? one : best), null);
}

/** Milliseconds per sample and cost of a unit, by replica and pipeline coordinate. */
type Pace = readonly (readonly number[])[];

function paceOf(plan: ParallelPlan, units: readonly UnitSize[], globalBatch: number, ranks: readonly RankLoad[]): Pace {
  const costs = costsOf(plan, units);
  return replicaShares(globalBatch, plan).map((share, d) =>
    costs.map((cost, p) => {
      const first = (d * plan.pp + p) * plan.tp;
      return Math.max(...ranks.slice(first, first + plan.tp).map(({ ms }) => ms)) / share / cost;
    }),
  );
}

/** The best shares where the stages are those of `cut`; null where the replicas cannot hold the batch. */
function balanceShares(
  cut: ParallelPlan,
  units: readonly UnitSize[],
  globalBatch: number,
  ranks: readonly RankLoad[],
  pace: Pace,
): Balanced | null {
  const { dp, microbatches } = cut;
  const costs = costsOf(cut, units);
  const size = cut.pp * cut.tp;
  const replicas = pace.map((ofReplica, d) => ({
    sampleMs: Math.max(...ofReplica.map((ms, p) => ms * costs[p]!)),
    fixedMs: 0,
    mostSamples: Math.min(...ranks.slice(d * size, (d + 1) * size).map((rank) => rank.mostSamples)),
  }));
  const room = replicas.reduce((sum, { mostSamples }) => sum + mostSamples, 0);
  if (room < globalBatch || replicas.some(({ mostSamples }) => mostSamples < microbatches)) return null;
  const shares = bestShares(globalBatch, replicas, microbatches);
  return { plan: { ...cut, ...(dp > 1 && { shares }) }, gainMs: slowestOf(ranks) - stepMs(shares, replicas) };
}

/**
 * The rank that slows the others even with the least share, and what they save without it; null if there is none.
 * `ranks`: by rank. Only where every rank has the whole state.
 */
export function brakeOf(
  plan: ParallelPlan,
  globalBatch: number,
  ranks: readonly RankLoad[],
): { readonly rank: number; readonly gainMs: number } | null {
  if (!isWholeOnAll(plan) || plan.dp === 1) return null;
  const shares = replicaShares(globalBatch, plan);
  const speeds = ranks.map(({ ms, mostSamples }, d) => ({ sampleMs: ms / shares[d]!, fixedMs: 0, mostSamples }));
  const rank = speeds.reduce((slowest, { sampleMs }, d) => (sampleMs > speeds[slowest]!.sampleMs ? d : slowest), 0);
  const others = speeds.filter((_, d) => d !== rank);
  if (others.reduce((sum, { mostSamples }) => sum + mostSamples, 0) < globalBatch) return null;
  const withoutMs = stepMs(bestShares(globalBatch, others, plan.microbatches), others);
  const isBrake = speeds[rank]!.sampleMs * plan.microbatches > BRAKE * withoutMs;
  return isBrake ? { rank, gainMs: slowestOf(ranks) - withoutMs } : null;
}

function stepMs(shares: readonly number[], replicas: readonly ReplicaSpeed[]): number {
  return Math.max(...replicas.map(({ sampleMs }, d) => sampleMs * shares[d]!));
}

function slowestOf(ranks: readonly RankLoad[]): number {
  return Math.max(...ranks.map(({ ms }) => ms));
}

/** The cost of all units at each pipeline coordinate. */
function costsOf(plan: ParallelPlan, units: readonly UnitSize[]): readonly number[] {
  const costs = Array<number>(plan.pp).fill(0);
  for (const { stage, first, last } of stageSpans(plan, units)) {
    for (const { cost } of units.slice(first, last + 1)) costs[stageCoord(plan, stage)]! += cost;
  }
  return costs;
}

/** Units by stage. All replicas have the same stages, so a coordinate is as slow as in the slowest of them. */
function stageUnitsAt(plan: ParallelPlan, units: readonly UnitSize[], pace: Pace) {
  const slowest = Array.from({ length: plan.pp }, (_, p) => Math.max(...pace.map((ofReplica) => ofReplica[p]!)));
  const spans = cutUnits(units, stageCount(plan), ({ cost }, stage) => cost * slowest[stageCoord(plan, stage)]!);
  return spans.map(({ first, last }) => last - first + 1);
}
