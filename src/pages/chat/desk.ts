/** The state of a chat, as signals; holds no DOM. */
import { batch, signal } from '@preact/signals';
import { sentenceOf } from '../../errors';
import { openTalk, type Said, type Talk } from '../../worker/chat/talkclient';
import type { ModelBytes } from './files';
import { words } from './words';

export interface ChatSettings {
  readonly temperature: number;
  readonly topK: number;
  readonly topP: number;
  readonly length: number;
  readonly seed: number;
  readonly stop: string;
}

/** Number of candidates for the next token that are shown for each piece. */
const LIKELY = 5;

export class ChatDesk {
  readonly phase = signal<'empty' | 'opening' | 'ready' | 'answering'>('empty');
  readonly problem = signal('');
  readonly note = signal('');
  readonly prompt = signal('');
  /** The text that the answer on screen continues. */
  readonly asked = signal('');
  readonly said = signal<readonly Said[]>([]);
  readonly perSecond = signal(0);
  readonly settings = signal<ChatSettings>({ temperature: 0.8, topK: 0, topP: 1, length: 200, seed: 1, stop: '' });
  #talk: Talk | undefined;

  /** `talk`: a model that is open already, and is closed with the desk. */
  constructor(talk?: Talk) {
    this.#talk = talk;
    if (talk) this.phase.value = 'ready';
  }

  async open(reading: Promise<ModelBytes>): Promise<void> {
    batch(() => {
      this.phase.value = 'opening';
      this.problem.value = '';
    });
    try {
      const files = await reading;
      if (!files.has('config.json')) throw new Error(words.none);
      const talk = await openTalk(files);
      this.#talk?.close();
      this.#talk = talk;
      this.phase.value = 'ready';
    } catch (error) {
      batch(() => {
        this.problem.value = sentenceOf(error);
        this.phase.value = this.#talk ? 'ready' : 'empty';
      });
    }
  }

  async answer(): Promise<void> {
    const talk = this.#talk;
    if (!talk || this.phase.value !== 'ready') return;
    const prompt = this.prompt.value;
    batch(() => {
      this.phase.value = 'answering';
      this.problem.value = '';
      this.asked.value = prompt;
      this.said.value = [];
      this.perSecond.value = 0;
    });
    try {
      const lacking = await talk.lacking(prompt);
      this.note.value = lacking.length > 0 ? words.lacking(lacking) : '';
      const t0 = performance.now();
      await talk.answer({ prompt, ...this.settings.value, likely: LIKELY }, (one) => {
        batch(() => {
          this.said.value = [...this.said.value, one];
          this.perSecond.value = (1000 * this.said.value.length) / (performance.now() - t0);
        });
      });
    } catch (error) {
      this.problem.value = sentenceOf(error);
    }
    this.phase.value = 'ready';
  }

  stop(): void {
    this.#talk?.stop();
  }

  close(): void {
    this.#talk?.close();
  }

  set(change: Partial<ChatSettings>): void {
    this.settings.value = { ...this.settings.value, ...change };
  }
}
