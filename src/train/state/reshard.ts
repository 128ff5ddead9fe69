/**
 * Computes who sends which elements to whom so that every rank holds what its plan needs: after a join, a leave or a
 * change of plan, and for a checkpoint. Every rank computes it alone from the same facts: nothing is negotiated. Pure.
 */
import { PartsGone } from '../../errors';
import { type Intervals, intersect, sizeOf, sliceOf, subtract, union } from './intervals';

/** Addresses of parameters and of moments. */
export interface Addresses {
  readonly param: Intervals;
  readonly moment: Intervals;
}

export const NOTHING: Addresses = { param: [], moment: [] };

export interface Transfer extends Addresses {
  readonly from: number;
  readonly to: number;
}

/**
 * The transfers that give every rank the elements it needs and lacks; the lowest rank that has an element sends it.
 * `has[rank]` is what that rank holds of one step. Throws PartsGone if no rank has an element.
 */
export function transfersOf(has: readonly Addresses[], needs: readonly Addresses[]): readonly Transfer[] {
  return needs.flatMap((need, to) => {
    const param = sourcesOf(need.param, to, has, 'param');
    const moment = sourcesOf(need.moment, to, has, 'moment');
    return has
      .map((_, from) => ({ from, to, param: param.get(from) ?? [], moment: moment.get(from) ?? [] }))
      .filter((transfer) => transfer.param.length + transfer.moment.length > 0);
  });
}

/** What each rank keeps so that every held element is kept once. Ranks that hold the same elements keep equal parts. */
export function sharedOut(has: readonly Addresses[]): readonly Addresses[] {
  const [param, moment] = (['param', 'moment'] as const).map((kind) => shareOut(has.map((one) => one[kind])));
  return has.map((_, rank) => ({ param: param![rank]!, moment: moment![rank]! }));
}

function shareOut(held: readonly Intervals[]): readonly Intervals[] {
  const replicas = new Map<string, number[]>();
  for (const [rank, set] of held.entries()) {
    const name = JSON.stringify(set);
    replicas.set(name, [...(replicas.get(name) ?? []), rank]);
  }
  const shares = held.map((): Intervals => []);
  let kept: Intervals = [];
  for (const ranks of replicas.values()) {
    const set = held[ranks[0]!]!;
    const rest = subtract(set, kept);
    const size = sizeOf(rest);
    for (const [i, rank] of ranks.entries()) {
      const [first, end] = [i, i + 1].map((part) => Math.floor((size * part) / ranks.length));
      shares[rank] = sliceOf(rest, first!, end!);
    }
    kept = union([...kept, ...set]);
  }
  return shares;
}

/** True if the ranks together hold everything that some rank needs. */
export function isCovered(has: readonly Addresses[], needs: readonly Addresses[]): boolean {
  const lacks = (kind: keyof Addresses) => {
    const held = union(has.flatMap((one) => one[kind]));
    return needs.some((need) => subtract(need[kind], held).length > 0);
  };
  return !lacks('param') && !lacks('moment');
}

function sourcesOf(
  need: Intervals,
  to: number,
  has: readonly Addresses[],
  kind: keyof Addresses,
): ReadonlyMap<number, Intervals> {
  const sources = new Map<number, Intervals>();
  let missing = subtract(need, has[to]![kind]);
  for (const [from, held] of has.entries()) {
    if (missing.length === 0) break;
    const given = intersect(missing, held[kind]);
    if (given.length === 0) continue;
    sources.set(from, given);
    missing = subtract(missing, given);
  }
  if (missing.length > 0) {
    throw new PartsGone(
      `${sizeOf(missing)} ${kind === 'param' ? 'parameters' : 'moments'} of the model were only on a peer that is gone; start again from a saved model`,
    );
  }
  return sources;
}
