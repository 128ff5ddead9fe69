/** The state of the page "Your chip", as signals; holds no DOM. */
import { batch, signal } from '@preact/signals';
import { version } from '../../../package.json';
import { sentenceOf } from '../../errors';
import { type Card, type CardPart, measureChip } from '../../worker/chip/chipclient';
import { words } from './words';

/** The cards of docs/cards, in order of their files' names. */
export const KEPT_CARDS: readonly Card[] = Object.values(
  import.meta.glob<Card>('../../../docs/cards/*.json', { eager: true, import: 'default' }),
);

export class ChipDesk {
  /** What is being measured. */
  readonly part = signal<CardPart | null>(null);
  readonly card = signal<Card | null>(null);
  readonly problem = signal('');
  #stopping = new AbortController();

  async measure(): Promise<void> {
    if (this.part.value) return;
    this.#stopping = new AbortController();
    const { signal: stopped } = this.#stopping;
    // why the check: a message of the Worker may come after the stop
    const tell = (part: CardPart) => {
      if (!stopped.aborted) this.part.value = part;
    };
    batch(() => {
      this.part.value = 'costs';
      this.problem.value = '';
    });
    try {
      this.card.value = await measureChip(version, tell, stopped);
    } catch (error) {
      this.problem.value = sentenceOf(error);
    }
    this.part.value = null;
  }

  stop(): void {
    this.#stopping.abort(new Error(words.stopped));
  }
}
