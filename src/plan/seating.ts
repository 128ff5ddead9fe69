/**
 * Which peer gets which rank: tp inside machines, then pp, and dp across them. Per step and rank tp moves the most bytes
 * in the most messages, two sums for every block, pass and microbatch; pp one border tensor for every microbatch; dp one
 * sum that hides under the backward. So first as few tp groups as possible reach over two machines, then as few stage
 * borders. A plan with `placement: 'across'` asks for the opposite, to show what it costs.
 */
import type { PeerId } from './mesh';
import type { ParallelPlan } from './plan';

type Cut = Pick<ParallelPlan, 'pp' | 'tp'>;
type Placed = Cut & Pick<ParallelPlan, 'placement' | 'perMachine' | 'shares' | 'stageUnits'>;
/** The machine of a peer; undefined if it is not known: such a peer has a machine of its own. */
type MachineOf = (peer: PeerId) => string | undefined;

export interface Crossings {
  /** tp groups with ranks on two machines or more. */
  readonly groups: number;
  /** Pairs of ranks of neighbouring stages on two machines. A V's and a ring's last border are not counted. */
  readonly borders: number;
}

/** What reaches over machines when `peers` are ranks in this order. */
export function crossingsOf(peers: readonly PeerId[], { pp, tp }: Cut, machineOf: MachineOf): Crossings {
  const machines = peers.map((peer) => machineOf(peer) ?? peer);
  const groups = parts(machines, tp).filter((group) => new Set(group).size > 1).length;
  const isBorder = (rank: number) => Math.floor(rank / tp) % pp < pp - 1;
  const borders = machines.filter((machine, rank) => isBorder(rank) && machine !== machines[rank + tp]).length;
  return { groups, borders };
}

/** What would reach over machines if every rank had one of its own. */
export function mostCrossings({ dp, pp, tp }: Cut & Pick<ParallelPlan, 'dp'>): Crossings {
  return { groups: tp > 1 ? dp * pp : 0, borders: dp * (pp - 1) * tp };
}

/**
 * `peers` in rank order for a plan that cuts each replica into `pp` x `tp` ranks; their number is a multiple of it. The
 * first peer stays the first. Shares and stages by speed hold for peers in their order, so it stays with these.
 */
export function seatByMachine(peers: readonly PeerId[], plan: Placed, machineOf: MachineOf): readonly PeerId[] {
  if (plan.shares || plan.stageUnits) return peers;
  // why: replicas of one machine that sum first are seated like a tp group
  if (plan.perMachine) return seatInside(peers, { pp: 1, tp: plan.perMachine }, machineOf);
  return plan.placement === 'across' ? seatAcross(peers, plan, machineOf) : seatInside(peers, plan, machineOf);
}

/** Deals out the peers of the machines in turn, so that tp groups reach over machines, unless as many do already. */
function seatAcross(peers: readonly PeerId[], cut: Cut, machineOf: MachineOf): readonly PeerId[] {
  const machines = byMachine(peers, machineOf);
  const rounds = Math.max(...machines.map(({ length }) => length));
  const dealt = Array.from({ length: rounds }, (_, round) => machines.flatMap((own) => own.slice(round, round + 1)));
  const groupsOf = (order: readonly PeerId[]) => crossingsOf(order, cut, machineOf).groups;
  return groupsOf(dealt.flat()) > groupsOf(peers) ? dealt.flat() : peers;
}

/**
 * Keeps the given order unless the other one crosses less, so a room changes its ranks once:
 * of n peers a machine gives floor(n / tp) groups to tp, and of k groups floor(k / pp) whole pipelines;
 * what is left over is put together in the order of machines, so that stage borders lie at machine borders.
 */
function seatInside(peers: readonly PeerId[], cut: Cut, machineOf: MachineOf): readonly PeerId[] {
  const before = crossingsOf(peers, cut, machineOf);
  if (before.groups + before.borders === 0) return peers;
  const { whole, rest } = takeWhole(byMachine(peers, machineOf), cut.tp);
  const groups = [...whole, ...parts(rest, cut.tp)];
  const kindOf = (group: readonly PeerId[]) => machineOf(group[0]!) ?? group[0]!;
  const order = [...new Set(peers.map((peer) => machineOf(peer) ?? peer))];
  const byKind = order.map((machine) => groups.filter((group) => kindOf(group) === machine));
  const stages = takeWhole(byKind, cut.pp);
  const pipelines = [...stages.whole, ...parts(stages.rest, cut.pp)].map((pipeline) => pipeline.flat());
  // why in this order: as few replicas as possible change their place, and the first rank, which leads the room, stays
  const seated = pipelines.sort((a, b) => peers.indexOf(a[0]!) - peers.indexOf(b[0]!)).flat();
  const after = crossingsOf(seated, cut, machineOf);
  const isLess = after.groups < before.groups || (after.groups === before.groups && after.borders < before.borders);
  // why again: what is left over is put together in the order of machines, which has changed
  return isLess ? seatInside(seated, cut, machineOf) : peers;
}

/** `peers` of each machine, in order. */
function byMachine(peers: readonly PeerId[], machineOf: MachineOf): readonly (readonly PeerId[])[] {
  const machines = new Map<string, PeerId[]>();
  for (const peer of peers) {
    const machine = machineOf(peer) ?? peer;
    machines.set(machine, [...(machines.get(machine) ?? []), peer]);
  }
  return [...machines.values()];
}

/** The parts of `size` that lie inside one list, and what is left over of all lists. */
function takeWhole<T>(lists: readonly (readonly T[])[], size: number) {
  const fitting = (list: readonly T[]) => list.length - (list.length % size);
  return {
    whole: lists.flatMap((list) => parts(list.slice(0, fitting(list)), size)),
    rest: lists.flatMap((list) => list.slice(fitting(list))),
  };
}

function parts<T>(list: readonly T[], size: number): T[][] {
  return Array.from({ length: list.length / size }, (_, at) => list.slice(at * size, (at + 1) * size));
}
