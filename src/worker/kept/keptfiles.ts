/**
 * The files of kept states. It is loaded with the first one that is written, so a page that opens without the server has
 * what reads them.
 */
import { InputError, StorageError } from '../../errors';
import { hashOfSource } from '../../storage/bytes';
import { elementsOf, Shard, writeShard } from '../../train/files/shard';
import { stateFrom } from '../../train/state/elements';
import { type CutState, holdingUnder, SINGLE } from '../../train/state/sync';
import type { KeptState, SlotState } from './slots';

export { writeShard };

const modelOf = ({ run, vocab }: KeptState) => ({ ...run.model, vocab });

/** The whole model from its parts; null if a file has changed or cannot be read. */
export async function wholeState(states: readonly SlotState[]): Promise<CutState | null> {
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

/** One part; null if its file has changed or cannot be read. */
export function partState(kept: SlotState): Promise<CutState | null> {
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
