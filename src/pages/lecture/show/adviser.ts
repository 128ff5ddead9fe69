/**
 * The page's side of the planner: sends questions to its Worker and keeps the newest answer. The Worker starts with the
 * first question; of several answers to a question the last one is final.
 */
import { signal } from '@preact/signals';
import type { Recommendation } from '../../../plan/planner';
import type { Answer, Question } from './planner.worker';

export class Adviser {
  readonly advice = signal<Recommendation | null>(null);
  /** The reason why no plan can run, '' where one can. */
  readonly refused = signal('');
  /** Whether the final answer to the newest question is pending; the answer shown may be of an earlier question. */
  readonly isThinking = signal(false);
  #worker: Worker | undefined;
  #id = 0;
  #about = '';

  /** Ask, unless `about` equals that of the previous question. */
  askOnce(about: string, question: Omit<Question, 'id'>): void {
    if (about === this.#about) return;
    this.#about = about;
    this.ask(question);
  }

  ask(question: Omit<Question, 'id'>): void {
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
