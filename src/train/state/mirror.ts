/**
 * Copies of what only one rank holds (a stage, a split, a shard), so that no part of the model is lost when a tab or a
 * machine dies. From time to time each rank keeps its own state and copies of others', all of one step. If parts of the
 * newest state are lost, the room goes back to that step (sync.ts). Bamboo and Gemini keep such copies; see
 * docs/decisions/012.
 */
import type { ModelConfig } from '../../model/config';
import { coordOf } from '../../plan/mesh';
import type { ParallelPlan } from '../../plan/plan';
import { MOST_COPIES } from './exchange';
import { type Holding, NO_PART, type Part } from './holding';
import { NOTHING } from './reshard';
import type { RankState } from './state';
import { type CutState, holdingUnder, laid } from './sync';
import { addressesOf, type Circuit, move } from './transfer';

/**
 * Maximum bytes of copies in a tab's host memory: of other ranks' states together, its first one not counted, of its own
 * state for a lost device, and of a state that it keeps in reserve. Until a newer copy is complete it holds the older one,
 * too, so this costs a tab at most a GB. Only where all others have as much as they may, a rank keeps one copy more.
 */
export const MOST_COPIED_BYTES = 2 ** 29;

/** Bytes that rank `keeper` holds in addition when it keeps a copy of the state of `rank`. */
type CopyBytes = (rank: number, keeper: number) => number;

/**
 * By rank: the rank that keeps a copy of its state. It is on another machine, if one has room: a browser may be lost
 * with all its tabs. `machines[rank]` is undefined for a rank with a machine of its own. Of several such ranks it is one
 * with the fewest bytes of copies, then the one nearest to half way around. So where all are alike, each rank keeps one
 * copy. Pure: every rank computes the same.
 */
export function keepersOf(machines: readonly (string | undefined)[], bytesOf: CopyBytes): readonly number[] {
  const size = machines.length;
  const loads = machines.map(() => ({ copies: 0, bytes: 0 }));
  return machines.map((machine, rank) => {
    const order = (keeper: number) => {
      const { copies, bytes } = loads[keeper]!;
      const fits = copies === 0 || (copies < MOST_COPIES && bytes + bytesOf(rank, keeper) <= MOST_COPIED_BYTES);
      const isApart = machine === undefined || machines[keeper] !== machine;
      const around = (keeper - rank + size) % size;
      return [fits ? 0 : 1, isApart ? 0 : 1, bytes, Math.abs(around - Math.floor(size / 2)), around];
    };
    const others = machines.flatMap((_, keeper) => (keeper === rank ? [] : [{ keeper, order: order(keeper) }]));
    const [first] = others.sort((a, b) => compare(a.order, b.order));
    const { keeper } = first!;
    const load = loads[keeper]!;
    loads[keeper] = { copies: load.copies + 1, bytes: load.bytes + bytesOf(rank, keeper) };
    return keeper;
  });
}

/** Compares by the first number that differs. */
function compare(a: readonly number[], b: readonly number[]): number {
  const at = a.findIndex((one, i) => one !== b[i]);
  return at < 0 ? 0 : a[at]! - b[at]!;
}

/**
 * This rank's state and its copies of others' states, all of one step. `mine` must not change any more. `machines`: by
 * rank, as keepersOf takes them; there are at least two ranks. All ranks must call it with the same machines.
 */
export async function mirror(
  circuit: Circuit,
  config: ModelConfig,
  mine: CutState,
  machines: readonly (string | undefined)[],
): Promise<readonly CutState[]> {
  const { mesh } = circuit;
  const { step, generation } = mine;
  // why without the outer part of DiLoCo: it begins anew from the copied parameters
  const { param, mean, square } = mine.state;
  const own: CutState = { ...mine, state: { param, mean, square } };
  const { plan } = mine.cutting;
  const holdings = mesh.peers.map((_, rank) => holdingUnder(config, { plan, rank }));
  const lacks = (rank: number, keeper: number) => lackingOf(plan, holdings[rank]!, rank, keeper);
  const keepers = keepersOf(machines, (rank, keeper) => bytesOf(lacks(rank, keeper)));
  const copied = mesh.peers.map((_, keeper) => keepers.flatMap((at, rank) => (at === keeper ? [rank] : [])));
  const has = holdings.map(addressesOf);
  const copies: CutState[] = [];
  for (let round = 0; round < Math.max(...copied.map(({ length }) => length)); round++) {
    const needs = copied.map((ranks, keeper) => {
      const rank = ranks[round];
      return rank === undefined ? NOTHING : addressesOf(lacks(rank, keeper));
    });
    const rank = copied[mesh.rank]![round];
    const target = rank === undefined ? NO_HOLDING : lacks(rank, mesh.rank);
    const moved = await move(circuit, has, needs, [laid(config, own)], target, `${step}/mirror/${round}`);
    if (rank === undefined) continue;
    copies.push({ step, generation, cutting: { plan, rank }, state: completed(moved, target, own.state) });
  }
  return [own, ...copies];
}

const NO_HOLDING: Holding = { param: NO_PART, moment: NO_PART };

/** What `keeper` lacks of `holding`, that of `rank`: replicas of one part have the same parameters, or all the same. */
function lackingOf(plan: ParallelPlan, holding: Holding, rank: number, keeper: number): Holding {
  const [theirs, its] = [coordOf(rank, plan), coordOf(keeper, plan)];
  const isSamePart = theirs.pp === its.pp && theirs.tp === its.tp;
  return {
    param: isSamePart && plan.zero < 3 ? NO_PART : holding.param,
    moment: isSamePart && plan.zero === 0 ? NO_PART : holding.moment,
  };
}

/** A copied state whose missing arrays are those of the keeper: they are the same, so they take no memory. */
function completed(moved: RankState, { param, moment }: Holding, own: RankState): RankState {
  const moments = moment === NO_PART ? own : moved;
  return { param: param === NO_PART ? own.param : moved.param, mean: moments.mean, square: moments.square };
}

const bytesOf = ({ param, moment }: Holding): number => 4 * floatsOf(param) + 8 * floatsOf(moment);

const floatsOf = ({ lengths }: Part): number => [...lengths.values()].reduce((sum, floats) => sum + floats, 0);
