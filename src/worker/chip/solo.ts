/** Single kernels on a device: prepares them with made-up numbers, runs them many times and waits. */
import type { GpuDevice } from '../../gpu/device';
import type { Place, Tensor } from '../../gpu/instr';
import type { Kernel, Knobs, Params } from '../../gpu/kernel';
import { noise } from '../../gpu/noise';
import { type PreparedList, Stream } from '../../gpu/stream';

export class Solo {
  readonly stream: Stream;
  readonly #places = new Map<Tensor, Place>();

  constructor(readonly device: GpuDevice) {
    this.stream = new Stream(device);
  }

  /** A tensor of its own buffer, filled with numbers made from `seed`. */
  tensor(name: string, floats: number, seed: number): Tensor {
    const tensor: Tensor = { name, shape: [floats], role: 'scratch', type: 'f32' };
    const place = { buffer: this.device.createStorage('scratch', 4 * floats, name), at: 0, floats };
    this.stream.write(place, noise(floats, seed));
    this.#places.set(tensor, place);
    return tensor;
  }

  prepare(kernel: Kernel, bind: Readonly<Record<string, Tensor>>, params: Params, knobs: Knobs = {}) {
    return this.stream.prepare([{ do: 'run', kernel, bind, params, knobs }], (t) => this.#places.get(t)!, 'bench');
  }

  /** Milliseconds of one pass over `lists`, `times` times in one submit. */
  async time(lists: readonly PreparedList[], times: number): Promise<number> {
    const began = performance.now();
    for (let i = 0; i < times; i++) for (const list of lists) this.stream.encode(list);
    this.stream.flush();
    await this.device.raw.queue.onSubmittedWorkDone();
    return (performance.now() - began) / times;
  }

  read(tensor: Tensor): Promise<Float32Array> {
    return this.stream.read(this.#places.get(tensor)!);
  }

  free(tensors: Iterable<Tensor>): void {
    for (const tensor of tensors) {
      this.device.destroyBuffer(this.#places.get(tensor)!.buffer);
      this.#places.delete(tensor);
    }
  }
}
