/**
 * The training of one tab: generation after generation, step after step, the same code in a tab's Worker and in Node.
 * Awaits only the device and the network, so a hidden tab runs at full speed. Numbers are made by the rank (rank.ts).
 */
import type { Membership } from '../net/membership';
import type { Transport } from '../net/transport';
import type { Trace } from '../trace/trace';
import type { MakeRank } from './rank';
import type { RunFile } from './runfile';
import type { ModelFiles, TabStatus } from './status';

/** Everything the trainer reaches outside of itself. */
export interface TrainerDeps {
  readonly membership: Membership;
  readonly transport: Transport;
  readonly trace: Trace;
  /** Makes a rank on this tab's open device. */
  readonly makeRank: MakeRank;
  /**
   * The bytes of a source of the run file ('moby-dick', 'names', 'file:PATH', 'tokens:PATH'), or null where this tab has
   * no such file (it takes the tokens from a peer then). Throws InputError for a file that cannot be read.
   */
  readonly loadSource: (source: string) => Promise<Uint8Array | null>;
  /** A safetensors file to start from instead of the seed's weights. */
  readonly init?: Uint8Array;
  /** Sample text while training: true on pages, false in measured runs. */
  readonly sampling: boolean;
  /** At most 10 times a second while training, and at every change of phase. */
  readonly onStatus: (status: TabStatus) => void;
}

/** How the training of this tab ended. */
export interface TrainResult {
  /** 'stopped': it left before the last step. */
  readonly end: 'done' | 'stopped';
  readonly run: RunFile;
  /** Committed steps. */
  readonly step: number;
  readonly rank: number;
  /** SHA-256 of this rank's parameters, hex. */
  readonly weightsHash: string;
  /** On rank 0 of a run that is done. */
  readonly files: ModelFiles | null;
}

export interface Trainer {
  /** Rejects with the error that ended it (a status with phase 'failed' and the sentence went before). */
  readonly finished: Promise<TrainResult>;
  /** Leave at the next step border; all ranks end the generation there and the others go on in the next. */
  stop(): void;
  /** The model as it is at the next step border. Rejects with InputError before the first one is there. */
  files(): Promise<ModelFiles>;
}
