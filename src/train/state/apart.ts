/**
 * State between generations where replicas train apart (DiLoCo). The ranks share the outer parameters and their
 * momentum; each replica has its own parameters and moments. A replica whose ranks are all still there continues with
 * its own state. Any other replica begins from the outer parameters with moments of zero, so no rank waits for a
 * replica's own state.
 */
import type { ModelConfig } from '../../model/config';
import { coordOf } from '../../plan/mesh';
import { outerAt } from '../../plan/outer';
import type { ParallelPlan } from '../../plan/plan';
import type { Announcement, Claim } from './exchange';
import { type Holding, NO_PART } from './holding';
import { union } from './intervals';
import { type Addresses, isCovered } from './reshard';
import { emptyState, type OuterState, type RankState, readRuns, type UnitArrays, writeRuns } from './state';
import { type CutState, claimOf, holdingUnder } from './sync';
import { addressesOf, type Circuit, KINDS, move } from './transfer';

const NO_ARRAYS: UnitArrays = new Map();

/**
 * True if the newest state of the room comes from replicas that train apart, and the ranks together have all parts of
 * the outer parameters.
 */
export function isApart(config: ModelConfig, plan: ParallelPlan, announcements: readonly Announcement[]): boolean {
  const isNewest = newestOf(announcements)?.outer !== undefined;
  return isNewest && newestWhole(config, plan, announcements) !== undefined;
}

/** The parameters that all replicas share: the outer parameters, if there are any. Files contain these. */
export function sharedParam({ param, outer }: RankState): UnitArrays {
  return outer?.anchor ?? param;
}

/** The state and, if there is one, the state before an outer step that other ranks may not have made. */
export function withBefore(cut: CutState): readonly CutState[] {
  const { before, ...state } = cut.state;
  return before
    ? [
        { ...cut, state },
        { ...cut, state: before },
      ]
    : [{ ...cut, state }];
}

/**
 * This rank's state under `plan`: the newest step of any rank, with the newest complete outer step (`isApart` has
 * checked that there is one). `mine` are the states this rank had before, newest first. Every rank calls it with the
 * same announcements.
 */
export async function syncApart(
  circuit: Circuit,
  config: ModelConfig,
  plan: ParallelPlan,
  announcements: readonly Announcement[],
  mine: readonly CutState[],
): Promise<CutState> {
  const { mesh } = circuit;
  const { step, generation } = newestOf(announcements)!;
  const at = { step, generation, cutting: { plan, rank: mesh.rank } };
  const made = newestWhole(config, plan, announcements)!;
  const shared = { circuit, config, plan, announcements, mine };
  const ofOuter = (array: 'anchor' | 'momentum') => {
    const arrays = ({ outer }: RankState) => ({ param: outer![array], mean: NO_ARRAYS, square: NO_ARRAYS });
    return moveSome(shared, `${step}/${array}`, ({ outer }) => outer === made, arrays, onlyParam);
  };
  const anchor = (await ofOuter('anchor')).param;
  const momentum = (await ofOuter('momentum')).param;
  if (!plan.outer || outerAt(plan.outer, step, Number.POSITIVE_INFINITY).exact) {
    return { ...at, state: { ...(await momentsOfOne(shared, step)), param: anchor } };
  }
  const target = holdingUnder(config, at.cutting);
  const own = goesOn(announcements, plan, mesh.replicaOf(mesh.rank)) ? mine[0] : undefined;
  if (!own) {
    const outer: OuterState = { anchor, momentum, samples: [], made, since: step };
    return { ...at, state: { ...emptyState(target), param: anchor, outer } };
  }
  const members = announcements.filter((_, rank) => mesh.replicaOf(rank) === mesh.replicaOf(mesh.rank));
  // why not its own after a missed outer step: that step already contains its progress; an outer step keeps moments
  const isCurrent = members.every(({ held }) => held[0]!.outer === made);
  const { samples, since } = own.state.outer!;
  const outer: OuterState = { anchor, momentum, samples: isCurrent ? samples : [], made, since };
  const kept = laidAs(own.state, holdingUnder(config, own.cutting), target);
  return { ...at, state: { ...kept, param: isCurrent ? kept.param : anchor, outer } };
}

/** Copy the same elements into arrays laid out as `target`; their padding depends on the number of replicas. */
function laidAs(state: RankState, from: Holding, target: Holding): RankState {
  const laid = emptyState(target);
  for (const [array, kind] of KINDS) {
    writeRuns(laid[array], target[kind], target[kind].held, readRuns(state[array], from[kind], target[kind].held));
  }
  return laid;
}

interface Shared {
  readonly circuit: Circuit;
  readonly config: ModelConfig;
  readonly plan: ParallelPlan;
  readonly announcements: readonly Announcement[];
  readonly mine: readonly CutState[];
}

/**
 * Move the arrays that `arraysOf` selects from the chosen states to where `plan` needs them. `partsOf` says which parts
 * of a holding these arrays have.
 */
async function moveSome(
  { circuit, config, plan, announcements, mine }: Shared,
  tag: string,
  isChosen: (claim: Claim) => boolean,
  arraysOf: (state: RankState) => RankState,
  partsOf: (holding: Holding) => Holding,
): Promise<RankState> {
  const holdingOf = (cutting: Claim['cutting']) => partsOf(holdingUnder(config, cutting));
  const has = announcements.map(({ held }) => {
    const all = held.filter(isChosen).map(({ cutting }) => addressesOf(holdingOf(cutting)));
    return { param: union(all.flatMap(({ param }) => param)), moment: union(all.flatMap(({ moment }) => moment)) };
  });
  const needs = announcements.map((_, rank) => addressesOf(holdingOf({ plan, rank })));
  const sources = mine
    .filter((one) => isChosen(claimOf(one)))
    .map(({ state, cutting }) => ({ state: arraysOf(state), holding: holdingOf(cutting) }));
  return move(circuit, has, needs, sources, holdingOf({ plan, rank: circuit.mesh.rank }), tag);
}

const onlyParam = ({ param }: Holding): Holding => ({ param, moment: NO_PART });
const onlyMoments = ({ moment }: Holding): Holding => ({ param: NO_PART, moment });

/** The same moments for all ranks: those of the first complete replica, or zeros. */
async function momentsOfOne(shared: Shared, step: number): Promise<RankState> {
  const { circuit, config, plan, announcements } = shared;
  const needs = announcements.map((_, rank) => addressesOf(onlyMoments(holdingUnder(config, { plan, rank }))));
  const newest = newestOf(announcements)!;
  const isOf = (replica: number) => (claim: Claim) => isSameVersion(claim, newest) && replicaOf(claim) === replica;
  const claims = announcements.flatMap(({ held }) => held);
  const replicas = [...new Set(claims.map(replicaOf))].sort((a, b) => a - b);
  const whole = replicas.find((replica) => {
    const has = claims
      .filter(isOf(replica))
      .map(({ cutting }) => addressesOf(onlyMoments(holdingUnder(config, cutting))));
    return isCovered(has, needs);
  });
  if (whole === undefined) return emptyState(holdingUnder(config, { plan, rank: circuit.mesh.rank }));
  const arrays = ({ mean, square }: RankState) => ({ param: NO_ARRAYS, mean, square });
  return moveSome(shared, `${step}/moments`, isOf(whole), arrays, onlyMoments);
}

/** True if all ranks of a replica of `plan` were ranks of one replica before, at the same places and the same step. */
function goesOn(announcements: readonly Announcement[], plan: ParallelPlan, replica: number): boolean {
  const claims = announcements.flatMap(({ held }, rank) => {
    return coordOf(rank, plan).dp === replica ? [{ rank, claim: held[0] }] : [];
  });
  const first = claims[0]?.claim;
  return claims.every(({ rank, claim }) => {
    if (claim?.outer === undefined || !first || !isSameVersion(claim, first)) return false;
    const [was, is] = [coordOf(claim.cutting.rank, claim.cutting.plan), coordOf(rank, plan)];
    const isThere = was.pp === is.pp && was.tp === is.tp && replicaOf(claim) === replicaOf(first);
    return isThere && cutOf(claim.cutting.plan) === cutOf(plan);
  });
}

/** The fields of a plan that decide which units and splits each place of a replica has. */
function cutOf({ pp, tp, schedule, chunks, stageUnits }: ParallelPlan): string {
  return JSON.stringify([pp, tp, pp > 1 ? schedule === 'zb-v' : '', chunks, stageUnits]);
}

const replicaOf = ({ cutting: { plan, rank } }: Claim): number => coordOf(rank, plan).dp;

function isSameVersion(a: Claim, b: Claim): boolean {
  return a.step === b.step && a.generation === b.generation;
}

function newestOf(announcements: readonly Announcement[]): Claim | undefined {
  const claims = announcements.flatMap(({ held }) => held);
  return claims.sort((a, b) => b.step - a.step || b.generation - a.generation || (b.outer ?? 0) - (a.outer ?? 0))[0];
}

/** Committed steps at the newest outer step of which the ranks have all parts; undefined if there is none. */
function newestWhole(
  config: ModelConfig,
  plan: ParallelPlan,
  announcements: readonly Announcement[],
): number | undefined {
  const claims = announcements.flatMap(({ held }) => held.filter(({ outer }) => outer !== undefined));
  const newestFirst = [...new Set(claims.map(({ outer }) => outer!))].sort((a, b) => b - a);
  const paramOf = (cutting: Claim['cutting']): Addresses => addressesOf(onlyParam(holdingUnder(config, cutting)));
  const needs = announcements.map((_, rank) => paramOf({ plan, rank }));
  const isWhole = (made: number) =>
    isCovered(
      claims.filter(({ outer }) => outer === made).map(({ cutting }) => paramOf(cutting)),
      needs,
    );
  return newestFirst.find(isWhole);
}
