/** What the trainer of a tab is given, and what each of its generations is given on top. */
import type { Membership } from '../../net/membership/membership';
import type { Transport } from '../../net/wire/transport';
import type { Mesh } from '../../plan/mesh';
import type { ParallelPlan } from '../../plan/plan';
import type { Tour } from '../../plan/tour';
import type { Outlet } from '../../storage/bytes';
import type { Trace } from '../../trace/trace';
import type { Keeper, Resumption } from '../files/keeper';
import type { MakeRank } from '../rank/rankcontract';
import type { RunFile } from '../runfile';
import type { CutState } from '../state/sync';
import type { Reporter } from './report';
import type { TabStatus } from './status';
import type { TextSource } from './text';

/** Everything the trainer reaches outside of itself. */
export interface TrainerDeps {
  readonly membership: Membership;
  readonly transport: Transport;
  readonly trace: Trace;
  /** Makes a rank on this tab's open device. */
  readonly makeRank: MakeRank;
  /**
   * The bytes of a source of the run file ('moby-dick', 'names', 'file:PATH', 'tokens:PATH'), or null where this tab has
   * no such file (it takes the text from a peer then). Throws InputError for a file that cannot be read.
   */
  readonly loadSource: (source: string) => Promise<Uint8Array | null>;
  /** A safetensors file to start from instead of the seed's weights. */
  readonly init?: Uint8Array;
  /** Change the plan every so many steps; `ask` asks the room for the next one. */
  readonly tour?: Tour & { readonly ask: (plan: ParallelPlan) => void };
  /**
   * Keep copies of what only one rank holds, made anew that often where they are cheap enough, so that a tab that dies takes
   * no part of the model with it (mirror.ts). All peers of a run alike; left out where a death ends the run.
   */
  readonly mirrorEveryMs?: number;
  /** Measure the links before the first step; all peers of a run alike. */
  readonly probing?: boolean;
  /** Sample text while training: true on pages, false in measured runs. */
  readonly sampling: boolean;
  /**
   * A run that nobody asks for files: rank 0 writes them here at its end, null for nowhere, and no rank keeps a copy of its
   * state. All peers of a run alike. Left out where `files` may be asked.
   */
  readonly outlet?: Outlet | null;
  /** Keeps states of this rank where they outlive it. */
  readonly keeper?: Keeper;
  /** The states of this run that the tab kept in an earlier visit; asked for once, when the run is known. */
  readonly kept?: (run: RunFile) => Promise<readonly CutState[]>;
  /** Begin with this state instead of the seed's; all peers of a run alike. */
  readonly resumption?: Resumption;
  /** At most 10 times a second while training, and at every change of phase. */
  readonly onStatus: (status: TabStatus) => void;
}

export interface GenerationSetting extends TrainerDeps {
  readonly run: RunFile;
  readonly plan: ParallelPlan;
  readonly mesh: Mesh;
  readonly signal: AbortSignal;
  /** Leave the generation after so many committed steps; undefined for no limit. */
  readonly limit: number | undefined;
  readonly text: TextSource;
  readonly reporter: Reporter;
}
