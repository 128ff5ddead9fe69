/** Prepares a list of one dispatch over places, for what no tape records: norm, optimizer, loss sum, tied table. */
import type { Place, Tensor } from '../gpu/instr';
import type { Kernel } from '../gpu/kernel';
import type { PreparedList, Stream } from '../gpu/stream';

export async function prepareSingle(
  stream: Stream,
  kernel: Kernel,
  places: Readonly<Record<string, Place>>,
  params: Readonly<Record<string, number>>,
  label: string,
): Promise<PreparedList> {
  const tensors = new Map<Tensor, Place>();
  const bind = Object.fromEntries(
    Object.entries(places).map(([name, place]) => {
      const tensor: Tensor = { name, shape: [place.floats], role: 'scratch', type: 'f32' };
      tensors.set(tensor, place);
      return [name, tensor];
    }),
  );
  return stream.prepare([{ do: 'run', kernel, bind, params, knobs: {} }], (t) => tensors.get(t)!, label);
}
