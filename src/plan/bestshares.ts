/** The best shares of the global batch for replicas of unequal speed. Pure. */
import { PlanError } from '../errors';

/** How long a replica takes for its share: `fixedMs + samples * sampleMs`, and the most samples that its memory holds. */
export interface ReplicaSpeed {
  readonly sampleMs: number;
  readonly fixedMs: number;
  readonly mostSamples: number;
}

/**
 * The shares of `samples` with the least time of the slowest replica, each of at least `least` samples. Every further
 * sample goes to the replica that is done first with it; of equals, to the lower one. That is the optimum, because the
 * time of a replica only grows with its share. Throws PlanError where the memory of all replicas is too small.
 */
export function bestShares(samples: number, replicas: readonly ReplicaSpeed[], least = 1): readonly number[] {
  const room = replicas.reduce((sum, { mostSamples }) => sum + mostSamples, 0);
  if (replicas.length * least > samples || room < samples || replicas.some(({ mostSamples }) => mostSamples < least)) {
    throw new PlanError(
      `${samples} samples do not go into ${replicas.length} replicas of at least ${least} and together at most ${room}; raise train.globalBatch or take another number of replicas`,
    );
  }
  const shares = replicas.map(() => least);
  for (let rest = samples - replicas.length * least; rest > 0; rest--) {
    let first = -1;
    let firstMs = Number.POSITIVE_INFINITY;
    for (const [d, { sampleMs, fixedMs, mostSamples }] of replicas.entries()) {
      const doneMs = fixedMs + (shares[d]! + 1) * sampleMs;
      if (shares[d]! < mostSamples && doneMs < firstMs) [first, firstMs] = [d, doneMs];
    }
    shares[first]!++;
  }
  return shares;
}
