/** The gradient of a weight: a product that adds to it, in parts of k where that fills a graphics chip. */
import type { Tensor } from '../gpu/instr';
import * as k from '../gpu/kernels';
import type { Tape } from './tape';

interface Sizes {
  readonly M: number;
  readonly N: number;
  readonly K: number;
}

/**
 * Record out[M,N] += a^T b for a[K,M] and b[K,N] in W. `name` names the parts. `bias`: a gradient in the buffer of `out`
 * to which the column sums of b are added.
 */
export function weightGrad(
  t: Tape,
  name: string,
  bind: { a: Tensor; b: Tensor; out: Tensor },
  { M, N, K }: Sizes,
  bias?: Tensor,
): void {
  const PARTS = k.productParts(M, N, K);
  const BIASGRAD = bias ? 1 : 0;
  const knobs = { TA: 1, ACC: 1, BIASGRAD };
  const extras = bias && { at: { biasAt: bias } };
  if (PARTS === 1) {
    t.W(k.matmul, bind, { M, N, K }, knobs, extras);
    return;
  }
  const parts = t.make(`${name}.parts`, [PARTS, M + 1, N]);
  t.W(k.matmul, { ...bind, aux: parts }, { M, N, K }, { ...knobs, PARTS }, extras);
  t.W(k.partsFold, { parts, out: bind.out }, { M, N, ...(!bias && { biasAt: 0 }) }, { PARTS, BIASGRAD }, extras);
}
