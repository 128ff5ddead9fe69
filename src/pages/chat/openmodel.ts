/** A model that is open in a chat, and its newest answer. */
import { batch, signal } from '@preact/signals';
import type { Said, Talk } from '../../worker/chat/talkclient';

export class OpenModel {
  readonly said = signal<readonly Said[]>([]);
  readonly perSecond = signal(0);

  constructor(
    readonly name: string,
    readonly talk: Talk,
  ) {}

  clear(): void {
    this.said.value = [];
    this.perSecond.value = 0;
  }

  /** Resolves when the answer is complete or was stopped. Rejects with a sentence. */
  async answer(wish: Parameters<Talk['answer']>[0]): Promise<void> {
    const t0 = performance.now();
    await this.talk.answer(wish, (one) => {
      batch(() => {
        this.said.value = [...this.said.value, one];
        this.perSecond.value = (1000 * this.said.value.length) / (performance.now() - t0);
      });
    });
  }
}
