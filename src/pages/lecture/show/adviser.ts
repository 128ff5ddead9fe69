/**
 * The page's side of the planner: asks its Worker and keeps the newest answer. The Worker starts with the first question;
 * one that is still at an older question is ended, since it could not be told to stop.
 */
import { signal } from '@preact/signals';
import type { Recommendation } from '../../../plan/planner';
import type { Answer, Question } from './planner.worker';

export class Adviser {
  readonly advice = signal<Recommendation | null>(null);
  /** Why no plan runs, '' where one does. */
  readonly refused = signal('');
  /** The last answer to the newest question is still to come: what is shown may be of the one before. */
  readonly isThinking = signal(false);
  #worker: Worker | undefined;
  #id = 0;
  #about = '';

  /** Ask, unless the question before was `about` the same. */
  askOnce(about: string, question: Omit<Question, 'id'>): void {
    if (about === this.#about) return;
    this.#about = about;
    this.ask(question);
  }

  ask(question: Omit<Question, 'id'>): void {
    if (this.isThinking.peek()) this.close();
    this.isThinking.value = true;
    this.#worker ??= this.#start();
    this.#worker.postMessage({ id: ++this.#id, ...question } satisfies Question);
  }

  close(): void {
    this.#worker?.terminate();
    this.#worker = undefined;
  }

  #start(): Worker {
    const worker = new Worker(new URL('./planner.worker.ts', import.meta.url), { type: 'module', name: 'planner' });
    worker.onmessage = ({ data }: MessageEvent<Answer>) => {
      if (data.id !== this.#id) return;
      this.advice.value = 'recommendation' in data ? data.recommendation : null;
      this.refused.value = 'refused' in data ? data.refused : '';
      this.isThinking.value = 'recommendation' in data && !data.isFinal;
    };
    return worker;
  }
}
