/**
 * Gradients of a parameter that several tensor-parallel ranks hold (a key/value head that more ranks share than there are
 * heads): each holder adds only its own queries' part, so the holders' gradients are summed. Decides nothing.
 */
import type { CopiedRange } from '../../model/split';
import type { Group } from '../../net/collective/group';

/** Sum `values`, elements from `from` on of a unit's flat gradient, over the holders of the copied range at `at`. */
export async function sumCopies(
  tp: Group,
  { at, floats, part, parts }: CopiedRange,
  values: Float32Array,
  from: number,
  tag: string,
): Promise<void> {
  const [first, end] = [Math.max(at, from), Math.min(at + floats, from + values.length)];
  // why nobody then: ranks that hold copies have their shards at the same place
  if (first >= end) return;
  const mine = values.subarray(first - from, end - from);
  // why the whole of all parts: an element lies in the same chunk of the collective however the gradient is sharded
  const all = new Float32Array(parts * floats);
  const place = part * floats + first - at;
  all.set(mine, place);
  await tp.allReduce(all, tag);
  mine.set(all.subarray(place, place + mine.length));
}
