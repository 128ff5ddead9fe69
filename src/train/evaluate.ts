/**
 * The held-out loss: windows are shared over dp, their losses exchanged and added in window order, so every cut of the
 * run gives the same number.
 */
import { ProtocolError } from '../errors';
import type { Group } from '../net/group';
import type { Tag } from '../net/transport';
import { gather, type Samples, sharesOf } from './data';
import type { RankModel } from './rank';

/** Mean loss over the held-out windows in nats per token. All ranks of `dp` call it with the same samples. */
export async function heldOutLoss(
  rank: RankModel,
  samples: Samples,
  rows: number,
  dp: Group,
  tag: Tag,
): Promise<number> {
  const { heldOut, context } = samples;
  const shares = sharesOf(heldOut.length, dp.size);
  const mine = shares[dp.rank]!;
  const sums = new Float64Array(mine.count);
  // why: with zero 3 the forward gathers parameters over dp, so all ranks run as many as the largest share needs
  for (let at = 0; at < shares[0]!.count; at += rows) {
    const starts = heldOut.slice(mine.first + at, mine.first + Math.min(at + rows, mine.count));
    const losses = await rank.losses(gather(samples, starts, rows));
    for (let row = 0; row < starts.length; row++) sums[at + row] = sum(losses, row * context, (row + 1) * context);
  }
  const all = await dp.exchange(new Uint8Array(sums.buffer), tag);
  let total = 0;
  for (const [d, bytes] of all.entries()) {
    if (bytes.byteLength !== 8 * shares[d]!.count) {
      throw new ProtocolError(
        `rank ${d} sent ${bytes.byteLength} bytes of held-out losses, not ${8 * shares[d]!.count}`,
      );
    }
    for (const loss of new Float64Array(bytes.slice().buffer)) total += loss;
  }
  return total / (heldOut.length * context);
}

function sum(values: Float32Array, from: number, to: number): number {
  let total = 0;
  for (let i = from; i < to; i++) total += values[i]!;
  return total;
}
