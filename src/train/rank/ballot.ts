/**
 * What a rank says at NORM, and how all ranks make the same numbers of what everybody said. Sums are taken per unit and in
 * rank order in float64, so the result does not depend on which rank has which unit. Pure.
 */
import { ProtocolError } from '../../errors';

export interface Ballot {
  /** Sum of the token losses of this rank's microbatches; 0 where the head is not. */
  readonly loss: number;
  /** Sum of squares of the gradient elements this rank counts, by unit of the model. */
  readonly sumsq: readonly number[];
  /** The trainer's own numbers. */
  readonly vote: readonly number[];
}

export interface Outcome {
  readonly loss: number;
  readonly sumsq: number;
  /** In rank order. */
  readonly votes: readonly (readonly number[])[];
}

export function packBallot({ loss, sumsq, vote }: Ballot): Uint8Array {
  return new Uint8Array(new Float64Array([loss, ...sumsq, ...vote]).buffer);
}

/** Throws ProtocolError for a ballot that is not of this model or not as long as the others. */
export function countVotes(ballots: readonly Uint8Array[], units: number): Outcome {
  const numbers = ballots.map((bytes, rank) => {
    if (
      bytes.byteLength % 8 !== 0 ||
      bytes.byteLength < 8 * (1 + units) ||
      bytes.byteLength !== ballots[0]!.byteLength
    ) {
      throw new ProtocolError(`rank ${rank} sent a ballot of ${bytes.byteLength} bytes for ${units} units`);
    }
    return [...new Float64Array(bytes.slice().buffer)];
  });
  let sumsq = 0;
  for (let unit = 0; unit < units; unit++) {
    let part = 0;
    for (const ballot of numbers) part += ballot[1 + unit]!;
    sumsq += part;
  }
  const loss = numbers.reduce((total, ballot) => total + ballot[0]!, 0);
  return { loss, sumsq, votes: numbers.map((ballot) => ballot.slice(1 + units)) };
}
