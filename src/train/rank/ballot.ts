/**
 * The numbers that a rank sends at NORM, and how all ranks compute the same results from them. Sums are taken per unit
 * and in rank order in float64, so the result does not depend on which rank has which unit. Pure.
 */
import { ProtocolError } from '../../errors';

export interface Ballot {
  /** Sum of the token losses of this rank's microbatches; 0 unless it has the head and tp coordinate 0. */
  readonly loss: number;
  /** Sum of squares of the gradient elements this rank counts, by unit of the model. */
  readonly sumsq: readonly number[];
  /** DiLoCo: by fragment, the samples this rank's replica has trained on since its last outer step; else empty. */
  readonly samples: readonly number[];
  /** The trainer's own numbers. */
  readonly vote: readonly number[];
}

export function packBallot({ loss, sumsq, samples, vote }: Ballot): Uint8Array {
  return new Uint8Array(new Float64Array([loss, ...sumsq, ...samples, ...vote]).buffer);
}

/** Every rank's ballot. Throws ProtocolError for one that does not fit the model or has not the length of the first. */
export function readBallots(ballots: readonly Uint8Array[], units: number, fragments: number): readonly Ballot[] {
  return ballots.map((bytes, rank) => {
    const isWhole = bytes.byteLength % 8 === 0 && bytes.byteLength >= 8 * (1 + units + fragments);
    if (!isWhole || bytes.byteLength !== ballots[0]!.byteLength) {
      throw new ProtocolError(`rank ${rank} sent a ballot of ${bytes.byteLength} bytes for ${units} units`);
    }
    const numbers = [...new Float64Array(bytes.slice().buffer)];
    return {
      loss: numbers[0]!,
      sumsq: numbers.slice(1, 1 + units),
      samples: numbers.slice(1 + units, 1 + units + fragments),
      vote: numbers.slice(1 + units + fragments),
    };
  });
}

export function lossOf(ballots: readonly Ballot[]): number {
  return ballots.reduce((total, { loss }) => total + loss, 0);
}

/** A loss per token that is this many times the median of the ranks' cannot be right. */
const MOST_TIMES_MEDIAN = 100;
/** A median below one nat counts as one: where a model knows most samples by heart, a single one may cost far more. */
const LEAST_MEDIAN = 1;

/**
 * The ranks whose loss per token is not finite, or far above that of the others; empty where all losses are such, as
 * then the run itself has diverged. `tokens`: by rank, the target tokens its loss is the sum of.
 */
export function suspectsOf(losses: readonly number[], tokens: readonly number[]): readonly number[] {
  const telling = losses.map((loss, rank) => ({ rank, mean: loss / tokens[rank]! }));
  const good = telling.filter(({ mean }) => Number.isFinite(mean));
  const sorted = good.map(({ mean }) => mean).sort((a, b) => a - b);
  // why the lower: of two replicas, the one with the smaller loss is the measure
  const median = sorted[Math.floor((sorted.length - 1) / 2)] ?? Number.NaN;
  const isBad = (mean: number) => !Number.isFinite(mean) || mean > MOST_TIMES_MEDIAN * Math.max(LEAST_MEDIAN, median);
  const bad = telling.filter(({ mean }) => isBad(mean)).map(({ rank }) => rank);
  return bad.length < telling.length ? bad : [];
}

/** Sum of squares over all ranks of `ballots`. */
export function sumsqOf(ballots: readonly Ballot[]): number {
  let total = 0;
  for (const unit of ballots[0]!.sumsq.keys()) {
    let part = 0;
    for (const { sumsq } of ballots) part += sumsq[unit]!;
    total += part;
  }
  return total;
}
