/** Sets of whole numbers as sorted, disjoint runs [from, to), for addresses that are held, missing or sent. Pure. */

export interface Interval {
  readonly from: number;
  readonly to: number;
}

export type Intervals = readonly Interval[];

/** Merges runs, which may be unsorted and may overlap, into a set. */
export function union(runs: readonly Interval[]): Intervals {
  const merged: { from: number; to: number }[] = [];
  for (const { from, to } of [...runs].sort((a, b) => a.from - b.from)) {
    if (from >= to) continue;
    const last = merged.at(-1);
    if (last && from <= last.to) last.to = Math.max(last.to, to);
    else merged.push({ from, to });
  }
  return merged;
}

/** The numbers in both sets. */
export function intersect(a: Intervals, b: Intervals): Intervals {
  const both: Interval[] = [];
  for (let i = 0, j = 0; i < a.length && j < b.length; ) {
    const from = Math.max(a[i]!.from, b[j]!.from);
    const to = Math.min(a[i]!.to, b[j]!.to);
    if (from < to) both.push({ from, to });
    if (a[i]!.to < b[j]!.to) i++;
    else j++;
  }
  return both;
}

/** The numbers in `a` and not in `b`. */
export function subtract(a: Intervals, b: Intervals): Intervals {
  const rest: Interval[] = [];
  let j = 0;
  for (const { from, to } of a) {
    let at = from;
    while (j < b.length && b[j]!.to <= at) j++;
    for (let k = j; k < b.length && b[k]!.from < to; k++) {
      if (b[k]!.from > at) rest.push({ from: at, to: b[k]!.from });
      at = b[k]!.to;
    }
    if (at < to) rest.push({ from: at, to });
  }
  return rest;
}

/** How many numbers are in the set. */
export function sizeOf(intervals: Intervals): number {
  return intervals.reduce((sum, { from, to }) => sum + to - from, 0);
}

/** How many numbers of `set` are below `number`. */
export function rankIn(set: Intervals, number: number): number {
  let before = 0;
  for (const { from, to } of set) {
    if (number < to) return before + Math.max(0, number - from);
    before += to - from;
  }
  return before;
}

/**
 * Copy `values` to their places in `out`. `out` has one element for each number of `all`, `values` one for each number
 * of `some`, a subset of `all`.
 */
export function scatter(out: Float32Array, all: Intervals, some: Intervals, values: Float32Array): void {
  let at = 0;
  for (const { from, to } of some) {
    out.set(values.subarray(at, at + to - from), rankIn(all, from));
    at += to - from;
  }
}

/** The numbers of `set` at positions [first, end) in ascending order. */
export function sliceOf(set: Intervals, first: number, end: number): Intervals {
  const slice: Interval[] = [];
  let before = 0;
  for (const { from, to } of set) {
    const [start, stop] = [Math.max(from, from + first - before), Math.min(to, from + end - before)];
    if (start < stop) slice.push({ from: start, to: stop });
    before += to - from;
  }
  return slice;
}
