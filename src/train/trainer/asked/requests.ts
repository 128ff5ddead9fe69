/** What people ask of a rank while it trains: the model, a proof, an answer of the model, the end of the run. */
import type { ModelFiles } from '../../files/checkpoint';
import type { Proof } from './proof';
import type { ModelQuestion } from './questions';

/** Somebody on this tab wants the model. */
export interface FilesRequest {
  readonly resolve: (files: ModelFiles | Promise<ModelFiles>) => void;
  readonly reject: (reason: unknown) => void;
  answered?: boolean;
}

/** Somebody on this tab wants a step compared with one tab alone. */
export interface ProofRequest {
  readonly resolve: (proof: Proof) => void;
  readonly reject: (reason: unknown) => void;
  /** `taken`: the ranks are working on it. */
  state?: 'taken' | 'answered';
}

/** What people have asked for; read when the rank votes. */
export interface Requests {
  readonly leaving: () => boolean;
  /** True if somebody asked to keep the state and end the run for all ranks. */
  readonly ending: () => boolean;
  /** True if the generation ends once `step` steps are committed; the same on all ranks. */
  readonly endsAt: (step: number) => boolean;
  readonly requests: () => readonly FilesRequest[];
  readonly proofs: () => readonly ProofRequest[];
  readonly question: () => ModelQuestion | undefined;
  /** True while somebody on this tab may ask soon. */
  readonly listening: () => boolean;
}

/** The part of a vote that people decide. */
export function wishesOf(asked: Requests) {
  return {
    files: asked.requests().length > 0,
    proof: asked.proofs().some(({ state }) => state === undefined),
    leaves: asked.leaving(),
    ends: asked.ending(),
    asks: asked.question() !== undefined,
    listens: asked.listening(),
  };
}
