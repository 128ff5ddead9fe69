/** Page side of the chat's Worker: one for each open model. */
import * as Comlink from 'comlink';
import type { Said, Wish } from '../../train/chat/continuation';
import type { TalkWorker } from './talk.worker';

export type { Said };

export interface Talk {
  lacking(text: string): Promise<readonly string[]>;
  answer(wish: Wish, onSaid: (said: Said) => void): Promise<void>;
  stop(): void;
  close(): void;
}

/** Opens the model in `files`. Rejects with a sentence that says what is wrong; nothing is left running then. */
export async function openTalk(files: ReadonlyMap<string, Uint8Array>): Promise<Talk> {
  const worker = new Worker(new URL('./talk.worker.ts', import.meta.url), { type: 'module', name: 'chat' });
  const remote = Comlink.wrap<TalkWorker>(worker);
  const broken = new Promise<never>((_, reject) => {
    worker.onerror = (event) => reject(new Error(`the chat's Worker did not start: ${event.message}`));
  });
  try {
    await Promise.race([remote.open(files), broken]);
  } catch (error) {
    worker.terminate();
    throw error;
  }
  return {
    lacking: (text) => remote.lacking(text),
    answer: (wish, onSaid) => Promise.race([remote.answer(wish, Comlink.proxy(onSaid)), broken]),
    stop: () => void remote.stop(),
    close: () => worker.terminate(),
  };
}
