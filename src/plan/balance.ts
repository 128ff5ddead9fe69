/**
 * Fits a plan to the speed that its ranks were measured at while they trained. As unequal.ts, but from the time that each
 * rank computes in a step, so that nothing has to be run to measure. Pure.
 */
import { bestShares } from './bestshares';
import { coordOf } from './mesh';
import { isWholeOnAll, type ParallelPlan, type UnitSize } from './plan';
import { replicaShares } from './shares';
import { cutUnits, stageCoord, stageCount, stageSpans } from './stages';

/** A rank whose least share takes this many times the step of the others slows them. */
const BRAKE = 1.1;

/** What is known of a rank. */
export interface RankLoad {
  /** Time in its passes of a step under the plan. */
  readonly ms: number;
  /** The most samples of a step that its memory holds. */
  readonly mostSamples: number;
  /** Ranks of one machine are taken as equally fast: what differs between them is who was disturbed. */
  readonly machine?: string | undefined;
}

interface Gain {
  /** Milliseconds that the slowest rank saves of a step. */
  readonly gainMs: number;
  /** What it needs now. */
  readonly slowestMs: number;
}

interface Balanced extends Gain {
  readonly plan: ParallelPlan;
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
  const slowestMs = stepMs(replicaShares(globalBatch, plan), sampleMsOf(plan, units, pace));
  const found = cuts.flatMap((cut) => {
    const best = sharesFor(cut, globalBatch, ranks, sampleMsOf(cut, units, pace));
    return best ? [{ plan: best.plan, gainMs: slowestMs - best.ms, slowestMs }] : [];
  });
  // why the first of equals: other stages move parameters between ranks, other shares only samples
  return found.reduce<Balanced | null>((best, one) => (one.gainMs > (best?.gainMs ?? 0) ? one : best), null);
}

/** Milliseconds per sample and cost of a unit, by replica and pipeline coordinate. */
type Pace = readonly (readonly number[])[];

function paceOf(plan: ParallelPlan, units: readonly UnitSize[], globalBatch: number, ranks: readonly RankLoad[]): Pace {
  const costs = costsOf(plan, units);
  const shares = replicaShares(globalBatch, plan);
  const pace = pacesOf(plan, units, globalBatch, ranks);
  return shares.map((_, d) =>
    costs.map((__, p) => {
      const first = (d * plan.pp + p) * plan.tp;
      return Math.max(...pace.slice(first, first + plan.tp));
    }),
  );
}

/** Milliseconds per sample and cost of a unit, by rank; the mean where ranks share a machine. */
export function pacesOf(
  plan: ParallelPlan,
  units: readonly UnitSize[],
  globalBatch: number,
  ranks: readonly Pick<RankLoad, 'ms' | 'machine'>[],
): readonly number[] {
  const costs = costsOf(plan, units);
  const shares = replicaShares(globalBatch, plan);
  const own = ranks.map(({ ms }, rank) => {
    const { dp, pp } = coordOf(rank, plan);
    return ms / shares[dp]! / costs[pp]!;
  });
  return own.map((mine, rank) => {
    const { machine } = ranks[rank]!;
    if (machine === undefined) return mine;
    const here = own.filter((_, other) => ranks[other]!.machine === machine);
    return here.reduce((sum, one) => sum + one, 0) / here.length;
  });
}

/** Milliseconds per sample, by replica: of the slowest of its ranks, if the stages are those of `cut`. */
function sampleMsOf(cut: ParallelPlan, units: readonly UnitSize[], pace: Pace): readonly number[] {
  const costs = costsOf(cut, units);
  return pace.map((ofReplica) => Math.max(...ofReplica.map((ms, p) => ms * costs[p]!)));
}

/** `cut` with the best shares, and the time of its slowest replica; null where the replicas cannot hold the batch. */
function sharesFor(
  cut: ParallelPlan,
  globalBatch: number,
  ranks: readonly RankLoad[],
  sampleMs: readonly number[],
): { readonly plan: ParallelPlan; readonly ms: number } | null {
  const { dp, microbatches } = cut;
  const size = cut.pp * cut.tp;
  const replicas = sampleMs.map((ms, d) => ({
    sampleMs: ms,
    fixedMs: 0,
    mostSamples: Math.min(...ranks.slice(d * size, (d + 1) * size).map((rank) => rank.mostSamples)),
  }));
  const room = replicas.reduce((sum, { mostSamples }) => sum + mostSamples, 0);
  if (room < globalBatch || replicas.some(({ mostSamples }) => mostSamples < microbatches)) return null;
  const shares = bestShares(globalBatch, replicas, microbatches);
  return { plan: { ...cut, ...(dp > 1 && { shares }) }, ms: stepMs(shares, sampleMs) };
}

/**
 * The rank that slows the others even with the least share, and what they save without it; null if there is none.
 * `ranks`: by rank. Only where every rank has the whole state.
 */
export function brakeOf(
  plan: ParallelPlan,
  units: readonly UnitSize[],
  globalBatch: number,
  ranks: readonly RankLoad[],
): (Gain & { readonly rank: number }) | null {
  if (!isWholeOnAll(plan) || plan.dp === 1) return null;
  const sampleMs = sampleMsOf(plan, units, paceOf(plan, units, globalBatch, ranks));
  const rank = sampleMs.indexOf(Math.max(...sampleMs));
  const without = <T>(all: readonly T[]) => all.filter((_, d) => d !== rank);
  const rest = sharesFor({ ...plan, dp: plan.dp - 1 }, globalBatch, without(ranks), without(sampleMs));
  if (!rest || sampleMs[rank]! * plan.microbatches <= BRAKE * rest.ms) return null;
  const slowestMs = stepMs(replicaShares(globalBatch, plan), sampleMs);
  return { rank, gainMs: slowestMs - rest.ms, slowestMs };
}

function stepMs(shares: readonly number[], sampleMs: readonly number[]): number {
  return Math.max(...sampleMs.map((ms, d) => ms * shares[d]!));
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
