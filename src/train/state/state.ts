/**
 * A rank's parameters and moments on the host, and copies between them and runs of addresses of the whole model
 * (holding.ts). Knows no device and no network.
 */

import type { Holding, Part } from './holding';
import type { Intervals } from './intervals';
import { sizeOf } from './intervals';

/** One array per unit of the rank, with the lengths of `Part.lengths`. */
export type UnitArrays = ReadonlyMap<number, Float32Array>;

export interface RankState {
  readonly param: UnitArrays;
  /** First moment (mean) and second moment (mean of squares) of AdamW. */
  readonly mean: UnitArrays;
  readonly square: UnitArrays;
  /** DiLoCo: the outer state that the replicas share; absent if all replicas have the same parameters and moments. */
  readonly outer?: OuterState;
  /** The state of the same rank before an outer step that other ranks may not have made. */
  readonly before?: RankState;
}

/** How far a replica that trains apart has come. */
export interface OuterFacts {
  /** By fragment: samples that the replica has trained on since the last outer step. */
  readonly samples: readonly number[];
  /** Committed steps when the newest outer step was made. */
  readonly made: number;
  /** First step that the replica's moments include. */
  readonly since: number;
}

/**
 * Outer parameters (`anchor`) and their momentum, laid out as `param`; each replica has its own `param` and moments.
 */
export interface OuterState extends OuterFacts {
  readonly anchor: UnitArrays;
  readonly momentum: UnitArrays;
}

/** A state of zeros for all elements of `holding`. */
export function emptyState(holding: Holding): RankState {
  const zeros = ({ lengths }: Part) => new Map([...lengths].map(([unit, floats]) => [unit, new Float32Array(floats)]));
  return { param: zeros(holding.param), mean: zeros(holding.moment), square: zeros(holding.moment) };
}

/** The elements of `arrays` at the addresses `wanted`, one run after the other. All of them must be held. */
export function readRuns(arrays: UnitArrays, part: Part, wanted: Intervals): Float32Array<ArrayBuffer> {
  const out = new Float32Array(sizeOf(wanted));
  forEachRun(arrays, part, wanted, (array, offset) => out.set(array, offset));
  return out;
}

/** The inverse of readRuns: write `values` to the addresses `wanted`. */
export function writeRuns(arrays: UnitArrays, part: Part, wanted: Intervals, values: Float32Array): void {
  forEachRun(arrays, part, wanted, (array, offset) => array.set(values.subarray(offset, offset + array.length)));
}

/** Calls `visit` with every piece of `arrays` that `wanted` covers, and its offset among the wanted elements. */
function forEachRun(
  arrays: UnitArrays,
  { spans }: Part,
  wanted: Intervals,
  visit: (piece: Float32Array, offset: number) => void,
): void {
  let offset = 0;
  let s = 0;
  for (const { from, to } of wanted) {
    while (s < spans.length && spans[s]!.at + spans[s]!.floats <= from) s++;
    for (let i = s; i < spans.length && spans[i]!.at < to; i++) {
      const span = spans[i]!;
      const first = Math.max(span.at, from);
      const local = span.local + first - span.at;
      const floats = Math.min(span.at + span.floats, to) - first;
      visit(arrays.get(span.unit)!.subarray(local, local + floats), offset + first - from);
    }
    offset += to - from;
  }
}
