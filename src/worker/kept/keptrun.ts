/** Finds, for the page, the state in this browser that a run can resume from. Reads descriptions only. */
import { StorageError } from '../../errors';
import type { KeptRun } from '../client';
import { isWhole, keptStates, TEXT_FILE, versionsOf } from './slots';

/** The newest state of the room, the newest whole one if there is one; null if there is no state or no storage. */
export async function keptRun(room: string): Promise<KeptRun | null> {
  try {
    const versions = versionsOf(await keptStates(room));
    const states = versions.find(isWhole) ?? versions[0];
    const [newest] = states ?? [];
    if (!states || !newest) return null;
    const text = await newest.slot.read(TEXT_FILE);
    return {
      step: newest.step,
      run: newest.run,
      whole: isWhole(states),
      text: text && (await text.read(0, text.sizeBytes)),
    };
  } catch (error) {
    if (!(error instanceof StorageError)) throw error;
    return null;
  }
}
