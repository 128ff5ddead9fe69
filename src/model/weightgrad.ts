/** The gradient of a weight: a product that adds to it, in parts of k where that fills a graphics chip. */
import type { Tensor } from '../gpu/instr';
import * as k from '../gpu/kernels';
import type { Tape } from './tape';

interface Sizes {
  readonly M: number;
  readonly N: number;
  readonly K: number;
  /** Where the column sums of `b` are added, the gradient of a bias. */
  readonly biasAt?: number;
}

/** Record out[M,N] += a^T b for a[K,M] and b[K,N] in W. `name` names the parts. */
export function weightGrad(t: Tape, name: string, bind: { a: Tensor; b: Tensor; out: Tensor }, sizes: Sizes): void {
  const { M, N, K, biasAt } = sizes;
  const PARTS = k.productParts(M, N, K);
  const BIASGRAD = biasAt === undefined ? 0 : 1;
  const knobs = { TA: 1, ACC: 1, BIASGRAD };
  if (PARTS === 1) {
    t.W(k.matmul, bind, { ...sizes }, knobs);
    return;
  }
  const parts = t.make(`${name}.parts`, [PARTS, M + 1, N]);
  t.W(k.matmul, { ...bind, aux: parts }, { ...sizes }, { ...knobs, PARTS });
  t.W(k.partsFold, { parts, out: bind.out }, { M, N, biasAt: biasAt ?? 0 }, { PARTS, BIASGRAD });
}
