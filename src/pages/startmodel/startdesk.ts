/**
 * A model to start from, dropped on the first page: what it is, how it is tuned, and talking to it. Loaded with the first
 * model; holds no DOM.
 */
import { batch, signal } from '@preact/signals';
import { sentenceOf } from '../../errors';
import { openStart, type StartModel } from '../../worker/start/startclient';
import { ChatDesk } from '../chat/desk';
import { filesOf, type ModelBytes, readModelFiles } from '../chat/files';
import { LR, RANGES, type RunChoice, runFileOf } from '../state/runchoice';
import { type OwnText, ownData } from '../state/texts';
import { words } from './words';

export interface Tuning {
  readonly context: number;
  readonly batch: number;
  readonly steps: number;
  readonly lr: number;
  /** Rank of the adapters; 0: the whole model is trained. */
  readonly rank: number;
}

/** Far less than training from the beginning: the weights are good already. */
const DEFAULT_TUNING: Tuning = { context: 128, batch: 4, steps: 100, lr: 1e-4, rank: 0 };

export class StartDesk {
  readonly phase = signal<'opening' | 'ready' | 'preparing'>('opening');
  readonly tuning = signal(DEFAULT_TUNING);
  readonly chat = signal<ChatDesk | null>(null);
  #model: StartModel | undefined;
  #files: ModelBytes = new Map();
  name = '';

  /** `onProblem` gets a sentence, '' when it no longer holds. */
  constructor(readonly onProblem: (sentence: string) => void) {}

  /** Reads a drop or chosen files. Resolves to false where they are no model; the sentence is shown. */
  async open(given: readonly FileSystemEntry[] | readonly File[]): Promise<boolean> {
    this.onProblem('');
    try {
      const dropped = given.filter((one) => !(one instanceof File)) as readonly FileSystemEntry[];
      const files = dropped.length > 0 ? await filesOf(dropped) : (given as readonly File[]);
      this.name = nameOf(dropped[0]?.name ?? files[0]?.name ?? '');
      this.#files = await readModelFiles(files);
      if (!this.#files.has('config.json')) throw new Error(words.none);
      this.#model = await openStart(this.#files);
      const { context } = this.#model.facts;
      batch(() => {
        this.tuning.value = { ...DEFAULT_TUNING, context: Math.min(context, DEFAULT_TUNING.context) };
        this.phase.value = 'ready';
      });
      return true;
    } catch (error) {
      this.onProblem(sentenceOf(error));
      return false;
    }
  }

  get facts() {
    return this.#model!.facts;
  }

  /** Smallest and largest value of a field. */
  rangeOf(field: keyof Tuning): { readonly min: number; readonly max: number } {
    if (field === 'lr') return LR;
    if (field === 'rank') return { min: 0, max: 256 };
    return field === 'context' ? { min: RANGES.context.min, max: this.facts.context } : RANGES[field];
  }

  set(change: Partial<Tuning>): void {
    this.tuning.value = { ...this.tuning.value, ...change };
  }

  /** Opens the model a second time, on the graphics chip. */
  async talk(): Promise<void> {
    const desk = new ChatDesk();
    await desk.open(Promise.resolve(this.#files), this.name);
    if (desk.problem.value === '') this.chat.value = desk;
    else this.onProblem(desk.problem.value);
  }

  /** The run on the chosen text; null where it cannot be made, with the sentence shown. */
  async prepare(choice: RunChoice, own: OwnText | null) {
    if (this.phase.value !== 'ready') return null;
    this.phase.value = 'preparing';
    try {
      const text =
        choice.source === 'own' ? { own: own?.text ?? '', heldOut: own?.heldOut?.text } : { builtIn: choice.source };
      // why a name of its own: the others must take the tokens from here, not the text from the server
      const name = words.source(own && choice.source === 'own' ? own.name : choice.source, this.name);
      const { rank, ...tuning } = this.tuning.value;
      const data = choice.source === 'own' ? ownData(own, this.#template) : {};
      const file = runFileOf({ ...choice, ...tuning, source: 'own' }, name, data);
      const targets = this.facts.kind === 'GPT-2' ? ['c_attn'] : ['q_proj', 'v_proj'];
      const lora = rank > 0 && { lora: { rank, alpha: 2 * rank, targets } };
      return await this.#model!.prepare({ ...file, train: { ...file.train, ...lora } }, text);
    } catch (error) {
      this.onProblem(sentenceOf(error));
      return null;
    } finally {
      this.phase.value = 'ready';
    }
  }

  /** The template whose marks the model's tokenizer has; ChatML where it has none. */
  get #template() {
    const tokenizer = new TextDecoder().decode(this.#files.get('tokenizer.json'));
    return tokenizer.includes('<|start_header_id|>') ? 'llama3' : 'chatml';
  }

  close(): void {
    this.#model?.close();
    this.chat.value?.close();
  }
}

/** The folder's name, or the file's without its ending. */
const nameOf = (name: string) => name.replace(/\.\w+$/, '') || name;
