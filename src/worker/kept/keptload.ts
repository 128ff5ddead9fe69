/** Reads the kept states of a room for the trainer. */
import { StorageError } from '../../errors';
import { hashRunFile } from '../../train/hash';
import type { RunFile } from '../../train/runfile';
import type { CutState } from '../../train/state/sync';
import { isWhole, keptStates, ownFirst, versionsOf } from './slots';

/** Maximum number of parts that a tab loads where the model is not whole: every tab of the browser loads them. */
const MOST_PARTS = 6;

/** The states of `run` in the room `room` that were kept at `sinceMs` or later, wall clock. */
interface Asked {
  readonly room: string;
  readonly run: RunFile;
  readonly sinceMs: number;
}

/**
 * States in this browser; `ownSlot` takes this tab's slot. Returns the whole model of the newest step whose parts are all
 * here, else the parts that are here; the room may have the others. Returns an empty list if the browser gives no storage.
 */
export async function loadKept(
  { room, run, sinceMs }: Asked,
  ownSlot: () => Promise<number | null>,
): Promise<readonly CutState[]> {
  try {
    const hash = await hashRunFile(run);
    const all = await keptStates(room);
    const hashes = await Promise.all(all.map((state) => hashRunFile(state.run)));
    const mine = all.filter((state, i) => hashes[i] === hash && state.at >= sinceMs);
    if (mine.length === 0) return [];
    // why only now: every tab loads this file before its first step, and few have kept a state
    const { partState, wholeState } = await import('./keptfiles');
    for (const states of versionsOf(mine)) {
      const whole = isWhole(states) ? await wholeState(states) : null;
      if (whole) return [whole];
    }
    const parts = await Promise.all(
      ownFirst(mine, await ownSlot())
        .slice(0, MOST_PARTS)
        .map(partState),
    );
    return parts.filter((part) => part !== null);
  } catch (error) {
    if (!(error instanceof StorageError)) throw error;
    return [];
  }
}
