/**
 * Ranks of one machine share its processor and its GPU: of n that compute at once each is n times as slow, and one whose
 * neighbours wait is as fast as alone. The simulator has no clock for that, so a plan is simulated with every rank of a
 * machine slowed by their number, and the time that waiting neighbours give back is taken off afterwards.
 */
import type { TraceEvent } from '../trace/trace';

/** A device and the machine it is part of; those without one have theirs alone. */
export interface Placed {
  readonly machine?: string;
}

/** By rank: how many of `devices` are on its machine, itself included. */
export function sharersOf(devices: readonly Placed[]): readonly number[] {
  const here = countOf(devices);
  return devices.map(({ machine }) => (machine === undefined ? 1 : here.get(machine)!));
}

/**
 * The part of the simulated time that is left once waiting neighbours have given theirs back; 1 where some rank has no
 * neighbour. `groups`: by rank of `events`, the devices it stands for. `spanMs`: of the whole simulation.
 *
 * Of a machine with n ranks, k of which compute for a while of t, the while takes k t / n; where none computes it takes t.
 */
export function sharedPart(
  events: readonly TraceEvent[],
  groups: readonly (readonly Placed[])[],
  spanMs: number,
): number {
  const devices = groups.flat();
  // why: whoever has a machine alone gives nothing back
  if (spanMs === 0 || sharersOf(devices).includes(1)) return 1;
  let most = 0;
  for (const [machine, ranks] of countOf(devices)) {
    const passes = events.flatMap(({ lane, rank, t0, t1 }) => {
      const members = lane === 'gpu' ? groups[rank]!.filter((one) => one.machine === machine).length : 0;
      return members > 0 ? [{ t0, t1, members }] : [];
    });
    const computedMs = passes.reduce((sum, { t0, t1, members }) => sum + (members * (t1 - t0)) / ranks, 0);
    most = Math.max(most, spanMs - coveredMs(passes) + computedMs);
  }
  return most / spanMs;
}

function countOf(devices: readonly Placed[]): ReadonlyMap<string, number> {
  const counts = new Map<string, number>();
  for (const { machine } of devices) if (machine !== undefined) counts.set(machine, (counts.get(machine) ?? 0) + 1);
  return counts;
}

/** Time in which at least one of the intervals runs. */
export function coveredMs(intervals: readonly { readonly t0: number; readonly t1: number }[]): number {
  let covered = 0;
  let end = Number.NEGATIVE_INFINITY;
  for (const { t0, t1 } of [...intervals].sort((a, b) => a.t0 - b.t0)) {
    covered += Math.max(0, t1 - Math.max(end, t0));
    end = Math.max(end, t1);
  }
  return covered;
}
