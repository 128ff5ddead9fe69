/** How large a share of the batch the memory of a device holds. Nothing is allocated: the memory plan says it. */
import { PlanError } from '../../errors';
import { type InstanceOptions, placeInstance } from '../../model/placed';

/**
 * The most samples of a step, from 0 to `globalBatch`, for which the rank's buffers fit. `optionsOf`: what the rank
 * allocates for microbatches of so many sequences.
 */
export function mostSamplesOf(
  globalBatch: number,
  microbatches: number,
  optionsOf: (sequences: number) => InstanceOptions,
  maxBufferBytes: number,
): number {
  let [low, high] = [0, Math.ceil(globalBatch / microbatches) + 1];
  while (low + 1 < high) {
    const middle = Math.floor((low + high) / 2);
    if (fits(optionsOf(middle), maxBufferBytes)) low = middle;
    else high = middle;
  }
  return Math.min(globalBatch, low * microbatches);
}

function fits(options: InstanceOptions, maxBufferBytes: number): boolean {
  try {
    placeInstance(options, maxBufferBytes);
    return true;
  } catch (error) {
    if (error instanceof PlanError) return false;
    throw error;
  }
}
