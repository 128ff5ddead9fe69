/** What a tab's trainer offers, and how its training ended. trainer.ts implements it. */
import type { Said, Wish } from '../chat/continuation';
import type { ModelFiles } from '../files/checkpoint';
import type { RunFile } from '../runfile';
import type { Proof } from './asked/proof';

/** How the training of this tab ended. */
export interface TrainResult {
  /** 'stopped': it left before the last step. */
  readonly end: 'done' | 'stopped';
  /** Null when it stopped before the room had a run. */
  readonly run: RunFile | null;
  /** Committed steps. */
  readonly step: number;
  readonly rank: number;
  /** SHA-256 of the parameters this rank holds, by address and without padding, hex; '' when it has none. */
  readonly weightsHash: string;
  /** On rank 0 of a run that is done; null where there is an outlet. */
  readonly files: ModelFiles | null;
}

export interface Trainer {
  /** Rejects with the error that ended the training, after a status with phase 'failed' and its sentence. */
  readonly finished: Promise<TrainResult>;
  /** Leave at the next step border. All ranks end the generation there, and the others continue in the next one. */
  stop(): void;
  /** At the next step border, keep the state and end the run for all ranks as stopped. */
  end(): void;
  /** The model as it is at the next step border. Rejects with InputError if there is none. */
  files(): Promise<ModelFiles>;
  /**
   * Compare the gradients of a step with those of this tab alone, at the next step border while the room trains.
   * Rejects with InputError if training ends before that.
   */
  prove(): Promise<Proof>;
  /**
   * Ask the model: `onSaid` gets the pieces of its answer, at step borders while the room trains (answers.ts). Resolves
   * when the answer is complete or was stopped; a later question stops it. Rejects with InputError where the plan allows
   * no answers, where training ends or another run begins before that.
   */
  ask(wish: Wish, onSaid: (said: Said) => void): Promise<void>;
  /** Stop the answer under way. */
  hush(): void;
  /** Characters of a text that the model has no token for; none before the model is known. */
  lacking(text: string): readonly string[];
  /** On the rank that leads a run under the plan `auto`: approximate plans may be taken, or may not any more. */
  allow(approximate: boolean): void;
}
