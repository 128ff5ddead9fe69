/** The inputs of a tab's trainer, and the further inputs of each of its generations. */
import type { Membership } from '../../../net/membership/membership';
import type { Transport } from '../../../net/wire/transport';
import type { Mesh, PeerId } from '../../../plan/mesh';
import type { ParallelPlan } from '../../../plan/plan';
import type { Tour } from '../../../plan/tour';
import type { Outlet } from '../../../storage/bytes';
import type { Trace } from '../../../trace/trace';
import type { Keeper, Resumption } from '../../files/keeper';
import type { MakeRank } from '../../rank/rankcontract';
import type { RunFile } from '../../runfile';
import type { CutState } from '../../state/sync';
import type { AutoMemory } from './automemory';
import type { Reporter } from './report';
import type { TabStatus } from './status';
import type { TextSource } from './text';

/** Everything outside of itself that the trainer uses. */
export interface TrainerDeps {
  readonly membership: Membership;
  readonly transport: Transport;
  readonly trace: Trace;
  /** Makes a rank on this tab's open device. */
  readonly makeRank: MakeRank;
  /**
   * The bytes of a source of the run file ('moby-dick', 'names', 'file:PATH', 'tokens:PATH'), or null if this tab has
   * no such file; it then takes the text from a peer. Throws InputError for a file that cannot be read.
   */
  readonly loadSource: (source: string) => Promise<Uint8Array | null>;
  /** A safetensors file to start from instead of the seed's weights. */
  readonly init?: Uint8Array;
  /** Change the plan after each leg of the tour; `ask` asks the room for the next plan. */
  readonly tour?: Tour & { readonly ask: (plan: ParallelPlan) => void };
  /**
   * Keep copies of the state in host memory: of what only one rank holds on another rank too, so that no part of the
   * model is lost when a tab dies (mirror.ts), else a copy of its own, for a lost device. They are renewed at this
   * interval, or less often if they are expensive. The same for all peers of a run; left out if a death may end the run.
   */
  readonly mirrorEveryMs?: number;
  /** The machine that this tab is on now; undefined where it is not known. Copies go to other machines. */
  readonly machine?: () => string | undefined;
  /**
   * Open the graphics device again after it was lost, or after it has computed wrongly (`isWrong`), and then past the join
   * gate. Rejects where that is not possible. Left out if a lost device ends the run.
   */
  readonly reopen?: (isWrong: boolean) => Promise<void>;
  /**
   * Measure the ranks while they train, and call `ask` for a plan with shares of the batch and stages by their speed, if
   * the run has none of its own; the same for all peers of a run.
   */
  readonly balancing?: {
    ask(plan: ParallelPlan): void;
    /** The machine of a peer; undefined where it is not known. Left out if ranks of one machine may differ in speed. */
    readonly machineOf?: (peer: PeerId) => string | undefined;
    /** Ask the room to go on without a peer that slows the others with any share; left out if all must take part. */
    readonly reserve?: (peer: PeerId) => void;
    /** Where the run's plan is `auto`: false while the room would not do what is asked. Left out if it always would. */
    readonly mayAsk?: () => boolean;
    /** Passes are slow on purpose, so that ranks of one machine do not slow each other. */
    readonly isPaced?: () => boolean;
  };
  /** Measure the links before the first step; the same for all peers of a run. */
  readonly probing?: boolean;
  /** Sample text while training: true on pages, false in measured runs. */
  readonly sampling: boolean;
  /**
   * Set if nobody asks for files during the run: rank 0 writes them here at its end (null: nowhere), and no rank keeps
   * a copy of its state. The same for all peers of a run. Left out if `files` may be called.
   */
  readonly outlet?: Outlet | null;
  /** True while somebody on this tab may ask the model soon, so that the ranks get ready; left out where nobody asks. */
  readonly listening?: () => boolean;
  /** Names of the graphics adapters of peers, each once, for the model card; left out where no card is made. */
  readonly adaptersOf?: (peers: readonly PeerId[]) => readonly string[];
  /** Keeps states of this rank in storage that outlives it. */
  readonly keeper?: Keeper;
  /** The states of a run in the storage of this tab and of others beside it, kept at `sinceMs` (wall clock) or later. */
  readonly kept?: (run: RunFile, sinceMs: number) => Promise<readonly CutState[]>;
  /** Begin with what `kept` has from earlier visits. */
  readonly goesOn?: boolean;
  /** Begin with this state instead of the seed's; the same for all peers of a run. */
  readonly resumption?: Resumption;
  /** Called at most 10 times a second while training, and at every change of phase. */
  readonly onStatus: (status: TabStatus) => void;
}

export interface GenerationSetting extends TrainerDeps {
  readonly run: RunFile;
  readonly plan: ParallelPlan;
  readonly mesh: Mesh;
  readonly signal: AbortSignal;
  /** Leave the generation after this many committed steps; undefined for no limit. */
  readonly limit: number | undefined;
  readonly text: TextSource;
  /** The step of the copy that this tab took in reserve, just before. */
  readonly copied: number | undefined;
  /** When this tab began with the run, wall clock. */
  readonly beganMs: number;
  readonly reporter: Reporter;
  readonly auto: AutoMemory;
}
