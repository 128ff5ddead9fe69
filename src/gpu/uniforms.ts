/**
 * Params of all prepared dispatches in a few uniform buffers: one aligned slot each, written at prepare time and again only
 * when a value changes. No buffer is created once all lists are prepared.
 */
import { KernelError } from '../errors';
import type { GpuDevice } from './device';
import type { Kernel, Params } from './kernel';

const SLOTS_PER_BUFFER = 128;

export interface UniformSlot {
  readonly binding: { readonly buffer: GPUBuffer; readonly offset: number; readonly size: number };
  readonly fields: Kernel['params'];
  /** The host's copy; it is always written to the GPU as a whole. */
  readonly bytes: DataView<ArrayBuffer>;
}

export class UniformArena {
  readonly #buffers: GPUBuffer[] = [];
  #used = SLOTS_PER_BUFFER;

  constructor(readonly device: GpuDevice) {}

  /** A slot that holds `params`. Throws KernelError for a missing or unknown param and for a value that is no u32. */
  take(kernel: Kernel, params: Params, where: string): UniformSlot {
    const names = Object.keys(kernel.params);
    for (const name of names)
      if (params[name] === undefined) throw new KernelError(`${where}: param ${name} is missing`);
    for (const name of Object.keys(params)) {
      if (!names.includes(name))
        throw new KernelError(`${where}: there is no param ${name}; it has ${names.join(' ')}`);
    }
    const stride = Math.max(64, this.device.raw.limits.minUniformBufferOffsetAlignment);
    // Uniform structs are sized in multiples of 16 bytes.
    const size = Math.ceil((names.length * 4) / 16) * 16;
    if (size > stride) throw new KernelError(`${where}: ${names.length} params do not fit a slot of ${stride} bytes`);
    if (this.#used === SLOTS_PER_BUFFER) {
      const usage = GPUBufferUsage.UNIFORM | GPUBufferUsage.COPY_DST;
      this.#buffers.push(this.device.createBuffer('staging', stride * SLOTS_PER_BUFFER, usage, 'uniforms'));
      this.#used = 0;
    }
    const offset = this.#used++ * stride;
    const slot: UniformSlot = {
      binding: { buffer: this.#buffers.at(-1)!, offset, size },
      fields: kernel.params,
      bytes: new DataView(new ArrayBuffer(size)),
    };
    this.write(slot, params);
    return slot;
  }

  /** Change the slot's fields that are in `values`. Other values are ignored. */
  write(slot: UniformSlot, values: Params): void {
    let at = 0;
    for (const [name, type] of Object.entries(slot.fields)) {
      const value = values[name];
      if (value !== undefined) {
        if (type === 'f32') slot.bytes.setFloat32(at, value, true);
        else if (Number.isInteger(value) && value >= 0 && value < 2 ** 32) slot.bytes.setUint32(at, value, true);
        else throw new KernelError(`param ${name} is u32 and cannot be ${value}`);
      }
      at += 4;
    }
    this.device.raw.queue.writeBuffer(slot.binding.buffer, slot.binding.offset, slot.bytes.buffer);
  }

  close(): void {
    for (const buffer of this.#buffers) this.device.destroyBuffer(buffer);
    this.#buffers.length = 0;
    this.#used = SLOTS_PER_BUFFER;
  }
}
