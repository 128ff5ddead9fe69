/**
 * What a rank sends at NORM beside the sums of the step (ballot.ts): its requests for this step border. Every rank
 * receives all votes, so all act alike. A vote is only five numbers, because every step carries it. Pure.
 */

/** What a rank says about itself, so that shares of the batch can follow its speed (balancer.ts). */
export interface Load {
  /** Time in passes since the previous NORM; 0 where it does not measure. */
  readonly computeMs: number;
  /** The most samples of a step that its memory holds; 0 while it has not looked. */
  readonly mostSamples: number;
}

export const NO_LOAD: Load = { computeMs: 0, mostSamples: 0 };

interface Vote {
  /** The newest generation this rank has heard of. A number above the running generation ends that generation. */
  readonly declared: number;
  /** Bytes that this rank has sent since the previous NORM. */
  readonly bytesSent: number;
  /** It wants the model as files. */
  readonly files: boolean;
  /** It wants the next step compared with one tab alone. */
  readonly proof: boolean;
  /** It leaves at this step border. */
  readonly leaves: boolean;
  /** New copies of what only one rank holds are due, as far as this rank knows. */
  readonly mirror: boolean;
  /** The state is to be kept at this step border, in storage that outlives the ranks. */
  readonly keeps: boolean;
  /** The run ends at this step border for all ranks. */
  readonly ends: boolean;
  /** Of rank 0: all ranks say at this step border what they have measured (chooser.ts). */
  readonly looks: boolean;
  /** Somebody on it has a question to the model (answers.ts). */
  readonly asks: boolean;
  /** Somebody on it may ask soon: the ranks get ready. */
  readonly listens: boolean;
  readonly load: Load;
}

const WISHES = ['files', 'proof', 'leaves', 'mirror', 'keeps', 'ends', 'looks', 'asks', 'listens'] as const;

export function packVote(vote: Vote): readonly number[] {
  const wishes = WISHES.reduce((sum, wish, bit) => sum + (vote[wish] ? 2 ** bit : 0), 0);
  return [vote.declared, vote.bytesSent, wishes, vote.load.computeMs, vote.load.mostSamples];
}

/** A missing number and an unknown bit ask for nothing. */
export function readVote(numbers: readonly number[]): Vote {
  const [declared = 0, bytesSent = 0, wishes = 0, computeMs = 0, mostSamples = 0] = numbers;
  return {
    declared,
    bytesSent,
    files: (wishes & 1) !== 0,
    proof: (wishes & 2) !== 0,
    leaves: (wishes & 4) !== 0,
    mirror: (wishes & 8) !== 0,
    keeps: (wishes & 16) !== 0,
    ends: (wishes & 32) !== 0,
    looks: (wishes & 64) !== 0,
    asks: (wishes & 128) !== 0,
    listens: (wishes & 256) !== 0,
    load: { computeMs, mostSamples },
  };
}
