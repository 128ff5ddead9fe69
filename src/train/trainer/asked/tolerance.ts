/** When two gradients count as equal. In a file of its own, because pages show it without loading a model. */

/**
 * Largest relative L2 difference of one tensor at which two gradients count as the same sum in another order.
 * Reordering n float32 additions changes a sum by about sqrt(n) x 6e-8 of its terms: 2e-5 at the 1e5 tokens of a batch.
 * A sample left out or counted twice changes it by a share of the batch, 1e-3 and more.
 */
export const TOLERANCE = 1e-4;
