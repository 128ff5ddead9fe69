/** What a person on this tab asks the model while the room trains: one question at a time, until its answer is complete. */
import { InputError } from '../../../errors';
import type { Continuation, Said, Wish } from '../../chat/continuation';

export class ModelQuestion {
  /** The text so far; made with the first token (answers.ts). */
  text: Continuation | undefined;
  #isOpen = true;

  constructor(
    readonly wish: Wish,
    private readonly onSaid: (said: Said) => void,
    private readonly resolve: () => void,
    private readonly reject: (reason: unknown) => void,
  ) {}

  /** False once the answer is complete, was stopped or has failed. */
  get isOpen(): boolean {
    return this.#isOpen;
  }

  say(said: Said): void {
    if (this.#isOpen) this.onSaid(said);
  }

  complete(): void {
    this.#isOpen = false;
    this.resolve();
  }

  fail(reason: unknown): void {
    this.#isOpen = false;
    this.reject(reason);
  }
}

export class Questions {
  #newest: ModelQuestion | undefined;
  /** Why no question can be answered any more; '' while the room may train. */
  #ended = '';

  /** `onAsked` is called when there is a new question. */
  constructor(private readonly onAsked = () => {}) {}

  /** The question that waits for its answer, or for the rest of it. */
  get open(): ModelQuestion | undefined {
    return this.#newest?.isOpen ? this.#newest : undefined;
  }

  /** Resolves when the answer is complete or was stopped. Rejects with InputError if the room cannot answer. */
  ask(wish: Wish, onSaid: (said: Said) => void): Promise<void> {
    this.stop();
    if (this.#ended !== '') return Promise.reject(new InputError(this.#ended));
    return new Promise((resolve, reject) => {
      this.#newest = new ModelQuestion(wish, onSaid, resolve, reject);
      this.onAsked();
    });
  }

  /** End the answer under way; the next question does so, too. */
  stop(): void {
    this.open?.complete();
  }

  /** Another run has begun, so the answer under way has no model any more. */
  drop(reason: string): void {
    this.open?.fail(new InputError(reason));
  }

  /** No question can be answered from here on. */
  end(reason: string): void {
    this.#ended = reason;
    this.drop(reason);
  }
}
