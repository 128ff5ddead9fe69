/** Page side of the chat's Worker: one for each open model. */
import * as Comlink from 'comlink';
import type { Said, Wish } from '../../train/chat/continuation';
import type { ModelConfig } from '../../train/runfile';
import type { TalkWorker } from './talk.worker';

export type { Said };

export interface Talk {
  lacking(text: string): Promise<readonly string[]>;
  answer(wish: Wish, onSaid: (said: Said) => void): Promise<void>;
  stop(): void;
  close(): void;
}

/** A Worker without a model. */
export interface TalkStart {
  /** Open the device and compile what models of these sizes need. */
  ready(model: ModelConfig): Promise<void>;
  /** Opens the model in `files`; called once. Rejects with a sentence that says what is wrong. */
  open(files: ReadonlyMap<string, Uint8Array>): Promise<Talk>;
  close(): void;
}

export function startTalk(): TalkStart {
  const worker = new Worker(new URL('./talk.worker.ts', import.meta.url), { type: 'module', name: 'chat' });
  const remote = Comlink.wrap<TalkWorker>(worker);
  const broken = new Promise<never>((_, reject) => {
    worker.onerror = (event) => reject(new Error(`the chat's Worker did not start: ${event.message}`));
  });
  // why: nobody may be waiting when it breaks
  broken.catch(() => {});
  return {
    ready: (model) => Promise.race([remote.ready(model), broken]),
    async open(files) {
      await Promise.race([remote.open(files), broken]);
      return {
        lacking: (text) => remote.lacking(text),
        answer: (wish, onSaid) => Promise.race([remote.answer(wish, Comlink.proxy(onSaid)), broken]),
        stop: () => void remote.stop(),
        close: () => worker.terminate(),
      };
    },
    close: () => worker.terminate(),
  };
}

/** Opens the model in `files`. Rejects with a sentence that says what is wrong; nothing is left running then. */
export async function openTalk(files: ReadonlyMap<string, Uint8Array>): Promise<Talk> {
  const start = startTalk();
  try {
    return await start.open(files);
  } catch (error) {
    start.close();
    throw error;
  }
}
