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
    batch(() => {
      this.part.value = 'costs';
      this.problem.value = '';
    });
    try {
      this.card.value = await measureChip(version, (part) => (this.part.value = part), this.#stopping.signal);
    } catch (error) {
      this.problem.value = sentenceOf(error);
    }
    this.part.value = null;
  }

  stop(): void {
    this.#stopping.abort(new Error(words.stopped));
  }
}
