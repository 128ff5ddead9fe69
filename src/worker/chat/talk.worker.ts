/** The Worker of the chat page: opens a model from files on this device and continues texts with it. */
import * as Comlink from 'comlink';
import { InputError } from '../../errors';
import { type GpuDevice, openDevice } from '../../gpu/device';
import { Stream } from '../../gpu/stream';
import type { Said, Wish } from '../../train/chat/continuation';
import { Talker } from '../../train/chat/talker';
import type { ModelConfig } from '../../train/runfile';

let device: Promise<GpuDevice> | undefined;
let talker: Talker | undefined;
/** Counts answers and stops: an answer ends when its number is no longer the newest. */
let turn = 0;

export interface TalkWorker {
  /** Open the device and compile what a model of these sizes needs. Rejects as `open`. */
  ready(model: ModelConfig): Promise<void>;
  /** Called once. Rejects with InputError for files that are no model, CapabilityError if the device cannot compute. */
  open(files: ReadonlyMap<string, Uint8Array>): Promise<void>;
  /** Characters of a text that the model has no token for. */
  lacking(text: string): readonly string[];
  /** Resolves when the answer is complete or was stopped. */
  answer(wish: Wish, onSaid: (said: Said) => void): Promise<void>;
  stop(): void;
}

const opened = () => (device ??= openDevice());

const worker: TalkWorker = {
  async ready(model) {
    await Talker.compile(new Stream(await opened()), model);
  },
  async open(files) {
    const names = [...files.keys()];
    talker = await Talker.open(new Stream(await opened()), { names, read: (name) => files.get(name)! });
  },
  lacking: (text) => talker?.lacking(text) ?? [],
  async answer(wish, onSaid) {
    if (!talker) throw new InputError('no model is open');
    const mine = ++turn;
    for await (const said of talker.answer(wish)) {
      if (mine !== turn) return;
      onSaid(said);
    }
  },
  stop() {
    turn++;
  },
};
Comlink.expose(worker);
