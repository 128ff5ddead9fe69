/** What a trainer asks of whoever keeps its state where it outlives the ranks: a folder, or the storage of a browser. */
import type { ModelConfig } from '../../model/config';
import type { RunFile } from '../runfile';
import type { Elements } from '../state/elements';
import type { Cutting, Version } from '../state/exchange';
import type { Addresses } from '../state/reshard';

/** A state at a step border, as one rank has it. */
export interface Keepable extends Version {
  /** As the room has it, without a vocabulary where it leaves that open. */
  readonly run: RunFile;
  readonly model: ModelConfig;
  /** The bytes of the run's source. */
  readonly text: Uint8Array;
  readonly cutting: Cutting;
  /** Everything this rank holds. */
  readonly held: Addresses;
  /** Its share, where all ranks together keep everything once. */
  readonly share: Addresses;
  readonly elements: Elements;
}

export interface Keeper {
  /** A state is due once `step` of `steps` steps are committed, as far as this rank can tell. Asked once a step. */
  isDue(step: number, steps: number): boolean;
  /**
   * Keep a state; all ranks of the generation do. Resolves when `elements` may change again: what was read is written while
   * training goes on. Rejects with StorageError where the run must not go on without.
   */
  keep(state: Keepable): Promise<void>;
  /** Resolves when everything begun is kept, rejects as `keep`. */
  settle(): Promise<void>;
}

/** A kept state that a run goes on from, whole and the same for all its ranks. */
export interface Resumption {
  /** Committed steps. */
  readonly step: number;
  /** Rejects with InputError where it is not of this model. */
  open(model: ModelConfig): Promise<Elements>;
}
