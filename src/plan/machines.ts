/**
 * Ranks of one machine share its processor and GPU: when n of them compute at once, each is n times as slow, and when
 * the others wait, one is as fast as alone. The simulator does not model this. A plan is simulated with every rank
 * slowed down by the number of ranks on its machine, and the time saved while neighbours wait is subtracted afterwards.
 */
import { coveredMs } from '../trace/interval';
import type { TraceEvent } from '../trace/trace';

/** A device and its machine. A device without `machine` has a machine of its own. */
export interface Placed {
  readonly machine?: string;
}

/** By rank: how many of `devices` are on its machine, itself included. */
export function sharersOf(devices: readonly Placed[]): readonly number[] {
  const here = countOf(devices);
  return devices.map(({ machine }) => (machine === undefined ? 1 : here.get(machine)!));
}

/**
 * The share of the simulated time (0 to 1) that is left when the time saved while neighbours wait is subtracted. 1 if
 * some rank has no neighbour on its machine. The machine with the most time left counts. `groups`: by rank of `events`,
 * the devices it stands for. `spanMs`: length of the whole simulation.
 *
 * On a machine with n ranks, a simulated interval t in which k ranks compute takes k t / n. With k = 0 it takes t.
 */
export function sharedPart(
  events: readonly TraceEvent[],
  groups: readonly (readonly Placed[])[],
  spanMs: number,
): number {
  const devices = groups.flat();
  // why: a rank with a machine of its own was not slowed down, so nothing can be subtracted
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
