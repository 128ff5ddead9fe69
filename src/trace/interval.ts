/** Lengths of intervals in time, in ms. */

interface Interval {
  readonly t0: number;
  readonly t1: number;
}

/** Length of the union of the intervals. */
export function coveredMs(intervals: readonly Interval[]): number {
  let covered = 0;
  let end = Number.NEGATIVE_INFINITY;
  for (const { t0, t1 } of [...intervals].sort((a, b) => a.t0 - b.t0)) {
    covered += Math.max(0, t1 - Math.max(end, t0));
    end = Math.max(end, t1);
  }
  return covered;
}

/** From the first start to the last end. Returns [Infinity, -Infinity] for an empty list. */
export function envelope(intervals: readonly Interval[]): readonly [t0: number, t1: number] {
  let [first, last] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];
  for (const { t0, t1 } of intervals) {
    first = Math.min(first, t0);
    last = Math.max(last, t1);
  }
  return [first, last];
}
