/** Page side of the Worker that reads a model to start from: one for each model. */
import * as Comlink from 'comlink';
import { builtInText } from '../../train/data/texts';
import { fetchBytes, sourceBytes } from '../sources';
import type { StartedRun, StartFacts, StartWorker } from './start.worker';

interface OwnSource {
  readonly own: string;
  readonly heldOut?: string | undefined;
}

export interface StartModel {
  readonly facts: StartFacts;
  /**
   * The run of `file` (a run file as data) from this model. `text` is the person's own with what is held out of it, or
   * the name of a built-in one. Rejects with a sentence.
   */
  prepare(file: unknown, text: OwnSource | { readonly builtIn: string }): Promise<StartedRun>;
  close(): void;
}

/** Reads the model in `files`. Rejects with a sentence that says what is wrong; nothing is left running then. */
export async function openStart(files: ReadonlyMap<string, Uint8Array>): Promise<StartModel> {
  const worker = new Worker(new URL('./start.worker.ts', import.meta.url), { type: 'module', name: 'start' });
  const remote = Comlink.wrap<StartWorker>(worker);
  const broken = new Promise<never>((_, reject) => {
    worker.onerror = (event) => reject(new Error(`the Worker that reads the model did not start: ${event.message}`));
  });
  // why: nobody may be waiting when it breaks
  broken.catch(() => {});
  try {
    const facts = await Promise.race([remote.open(files), broken]);
    return {
      facts,
      async prepare(file, text) {
        const bytes = 'own' in text ? await sourceBytes(text.own, text.heldOut) : await builtIn(text.builtIn);
        return Promise.race([remote.prepare(file, bytes), broken]);
      },
      close: () => worker.terminate(),
    };
  } catch (error) {
    worker.terminate();
    throw error;
  }
}

const builtIn = (name: string) => fetchBytes(new URL(builtInText(name)!, document.baseURI).href, `the text ${name}`);
