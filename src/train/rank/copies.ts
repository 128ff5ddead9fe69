/**
 * Gradients of a parameter that several tensor-parallel ranks hold copies of (a key/value head, if there are more ranks
 * than such heads). Each holder computes only its own queries' part, so the holders' gradients are summed.
 */
import type { CopiedRange } from '../../model/split';
import type { Group } from '../../net/collective/group';

/**
 * Sum `values` in place over the holders of the copied range at `at`. `values` are elements of a unit's flat gradient,
 * the first at index `from`.
 */
export async function sumCopies(
  tp: Group,
  { at, floats, part, parts }: CopiedRange,
  values: Float32Array,
  from: number,
  tag: string,
): Promise<void> {
  const [first, end] = [Math.max(at, from), Math.min(at + floats, from + values.length)];
  // why no holder waits then: ranks that hold copies have their shards at the same place
  if (first >= end) return;
  const mine = values.subarray(first - from, end - from);
  // why one array for all parts: an element is then in the same chunk of the collective however the gradient is sharded
  const all = new Float32Array(parts * floats);
  const place = part * floats + first - at;
  all.set(mine, place);
  await tp.allReduce(all, tag);
  mine.set(all.subarray(place, place + mine.length));
}
