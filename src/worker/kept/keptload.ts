/** Reads the kept states of a room for the trainer. */
import { InputError, StorageError } from '../../errors';
import { hashOfSource } from '../../storage/bytes';
import { elementsOf, Shard } from '../../train/files/shard';
import { hashRunFile } from '../../train/hash';
import type { RunFile } from '../../train/runfile';
import { stateFrom } from '../../train/state/elements';
import { type CutState, holdingUnder, SINGLE } from '../../train/state/sync';
import { isWhole, type KeptState, keptStates, ownFirst, type SlotState, versionsOf } from './slots';

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

const modelOf = ({ run, vocab }: KeptState) => ({ ...run.model, vocab });

/** Null if a file has changed or cannot be read. */
async function wholeState(states: readonly SlotState[]): Promise<CutState | null> {
  const [{ step, generation }] = states as readonly [SlotState];
  return usable(async () => {
    const model = modelOf(states[0]!);
    const shards = await Promise.all(states.map(openShard));
    // why: replicas that train apart are never merged; the room has one state per replica then
    if (shards.some(({ apart }) => apart)) return null;
    const state = await stateFrom(elementsOf(shards), holdingUnder(model, SINGLE));
    return { step, generation, cutting: SINGLE, state };
  });
}

function partState(kept: SlotState): Promise<CutState | null> {
  const { step, generation, plan, rank } = kept;
  const cutting = { plan, rank };
  return usable(async () => {
    const shard = await openShard(kept);
    const state = await stateFrom(shard, holdingUnder(modelOf(kept), cutting), shard.apart);
    return { step, generation, cutting, state };
  });
}

async function openShard(kept: SlotState): Promise<Shard> {
  const { name, sizeBytes, sha256 } = kept.file;
  const source = await kept.slot.read(name);
  if (source?.sizeBytes !== sizeBytes) throw new InputError(`${name} has ${source?.sizeBytes} of ${sizeBytes} bytes`);
  if ((await hashOfSource(source)) !== sha256)
    throw new InputError(`${name} has another hash than when it was written`);
  return Shard.open(modelOf(kept), name, source);
}

async function usable<T>(load: () => Promise<T>): Promise<T | null> {
  try {
    return await load();
  } catch (error) {
    // why: an older state, or one of another tab, is better than none
    if (error instanceof InputError || error instanceof StorageError) return null;
    throw error;
  }
}
