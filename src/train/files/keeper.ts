/** Interface between a trainer and storage that outlives the ranks: a folder, or the storage of a browser. */
import type { ModelConfig } from '../../model/config';
import type { RunFile } from '../runfile';
import type { Elements } from '../state/elements';
import type { Cutting, Version } from '../state/exchange';
import type { Kept, KeptShare } from './shard';

/** The state of one rank at a step border. */
export interface Keepable extends Version {
  /** The run file of the room; it has no vocabulary if the file leaves that open. */
  readonly run: RunFile;
  readonly model: ModelConfig;
  /** The bytes of the run's source. */
  readonly text: Uint8Array;
  readonly cutting: Cutting;
  /** Everything this rank holds. */
  readonly held: KeptShare;
  /** The share this rank keeps, if all ranks together keep everything once. */
  readonly share: KeptShare;
  readonly elements: Elements;
}

export interface Keeper {
  /** True if a state is due after `step` of `steps` committed steps, as far as this rank knows. Asked once a step. */
  isDue(step: number, steps: number): boolean;
  /**
   * Keep a state. All ranks of the generation call it. Resolves when `elements` may change again; what was read is
   * written while training goes on. Rejects with StorageError if the run must not go on without the state.
   */
  keep(state: Keepable): Promise<void>;
  /** Resolves when every state that was begun is kept. Rejects as `keep` does. */
  settle(): Promise<void>;
}

/** A complete kept state that a run resumes from; the same for all its ranks. */
export interface Resumption {
  /** Committed steps. */
  readonly step: number;
  /** Rejects with InputError if the state is not of this model. */
  open(model: ModelConfig): Promise<Kept>;
}
