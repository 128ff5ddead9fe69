/**
 * What a rank says at NORM beside the sums of the step (ballot.ts): what it wants at this step border. Everybody hears all
 * votes, so all do the same. Three numbers, because every step carries them. Pure.
 */

export interface Vote {
  /** The newest generation this rank has heard of; above the running one it ends that. */
  readonly declared: number;
  /** What it has sent since the NORM before. */
  readonly bytesSent: number;
  /** The model as files. */
  readonly files: boolean;
  /** The next step compared with one tab alone. */
  readonly proof: boolean;
  /** It leaves at this step border. */
  readonly leaves: boolean;
  /** New copies of what only one rank holds are due, as far as it can tell. */
  readonly mirror: boolean;
  /** The state is to be kept at this step border, where it outlives the ranks. */
  readonly keeps: boolean;
  /** And the run ends there for all. */
  readonly ends: boolean;
}

const WISHES = ['files', 'proof', 'leaves', 'mirror', 'keeps', 'ends'] as const;

export function packVote(vote: Vote): readonly number[] {
  return [vote.declared, vote.bytesSent, WISHES.reduce((sum, wish, bit) => sum + (vote[wish] ? 2 ** bit : 0), 0)];
}

/** A number that is missing or none of ours asks for nothing. */
export function readVote([declared = 0, bytesSent = 0, wishes = 0]: readonly number[]): Vote {
  return {
    declared,
    bytesSent,
    files: (wishes & 1) !== 0,
    proof: (wishes & 2) !== 0,
    leaves: (wishes & 4) !== 0,
    mirror: (wishes & 8) !== 0,
    keeps: (wishes & 16) !== 0,
    ends: (wishes & 32) !== 0,
  };
}
