/** The state of a chat, as signals: one question for one model or several side by side. Holds no DOM. */
import { batch, signal } from '@preact/signals';
import { sentenceOf } from '../../errors';
import { openTalk, type Talk } from '../../worker/chat/talkclient';
import type { ModelBytes } from './files';
import { OpenModel } from './openmodel';
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
  /** The text that the answers on screen continue. */
  readonly asked = signal('');
  readonly models = signal<readonly OpenModel[]>([]);
  readonly settings = signal<ChatSettings>({ temperature: 0.8, topK: 0, topP: 1, length: 200, seed: 1, stop: '' });

  /** `talk`: a model that is open already, and is closed with the desk. */
  constructor(talk?: Talk) {
    if (talk) this.#add(new OpenModel('', talk));
  }

  /** Opens a model beside those that are open. */
  async open(reading: Promise<ModelBytes>, name: string): Promise<void> {
    this.stop();
    batch(() => {
      this.phase.value = 'opening';
      this.problem.value = '';
    });
    try {
      const files = await reading;
      if (!files.has('config.json')) throw new Error(words.none);
      this.#add(new OpenModel(name, await openTalk(files)));
    } catch (error) {
      batch(() => {
        this.problem.value = sentenceOf(error);
        this.phase.value = this.models.value.length > 0 ? 'ready' : 'empty';
      });
    }
  }

  remove(model: OpenModel): void {
    model.talk.close();
    batch(() => {
      this.models.value = this.models.value.filter((one) => one !== model);
      if (this.models.value.length === 0) this.phase.value = 'empty';
    });
  }

  /** All models go on with the prompt at once, with the same settings. */
  async answer(): Promise<void> {
    if (this.phase.value !== 'ready') return;
    const models = this.models.value;
    const prompt = this.prompt.value;
    batch(() => {
      this.phase.value = 'answering';
      this.problem.value = '';
      this.asked.value = prompt;
      for (const model of models) model.clear();
    });
    const wish = { prompt, ...this.settings.value, likely: LIKELY };
    const lacking = new Set<string>();
    const tell = async ({ talk }: OpenModel) => {
      for (const character of await talk.lacking(prompt)) lacking.add(character);
      this.note.value = lacking.size > 0 ? words.lacking([...lacking]) : '';
    };
    const ends = await Promise.allSettled(models.flatMap((model) => [tell(model), model.answer(wish)]));
    const reasons = ends.flatMap((end) => (end.status === 'rejected' ? [sentenceOf(end.reason)] : []));
    batch(() => {
      this.problem.value = [...new Set(reasons)].join(' ');
      this.phase.value = this.models.value.length > 0 ? 'ready' : 'empty';
    });
  }

  stop(): void {
    for (const { talk } of this.models.value) talk.stop();
  }

  close(): void {
    for (const { talk } of this.models.value) talk.close();
  }

  set(change: Partial<ChatSettings>): void {
    this.settings.value = { ...this.settings.value, ...change };
  }

  #add(model: OpenModel): void {
    batch(() => {
      this.models.value = [...this.models.value, model];
      this.phase.value = 'ready';
    });
  }
}
