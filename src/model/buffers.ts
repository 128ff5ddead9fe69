/** The buffers of a memory plan on a device: what is really allocated, by name and by role. */
import type { GpuDevice } from '../gpu/device';
import type { MemoryByRole, Place } from '../gpu/instr';
import type { MemoryPlan, MemoryRole, Spot } from '../gpu/memory';

interface Held {
  readonly role: MemoryRole;
  readonly floats: number;
  readonly buffer: GPUBuffer;
}

export class Buffers {
  readonly #held = new Map<string, Held>();

  /** Allocates everything at once. */
  constructor(
    readonly device: Pick<GpuDevice, 'createStorage' | 'destroyBuffer'>,
    plan: MemoryPlan,
  ) {
    for (const [name, { role, floats }] of plan.buffers()) {
      this.#held.set(name, { role, floats, buffer: device.createStorage(role, 4 * floats, name) });
    }
  }

  place({ buffer, at, floats }: Spot): Place {
    const held = this.#held.get(buffer);
    if (!held) throw new Error(`this rank has no buffer ${buffer}`);
    return { buffer: held.buffer, at, floats };
  }

  /** The whole of every buffer whose name matches. */
  named(pattern: RegExp): readonly Place[] {
    return [...this.#held].flatMap(([name, { buffer, floats }]) =>
      pattern.test(name) ? [{ buffer, at: 0, floats }] : [],
    );
  }

  /** Bytes by role, from the sizes of the GPU buffers. Must equal the plan's bytes. Staging belongs to the stream. */
  bytes(): MemoryByRole {
    const bytes: MemoryByRole = { param: 0, grad: 0, moment: 0, saved: 0, scratch: 0, staging: 0 };
    for (const { role, buffer } of this.#held.values()) bytes[role] += buffer.size;
    return bytes;
  }

  close(): void {
    for (const { buffer } of this.#held.values()) this.device.destroyBuffer(buffer);
    this.#held.clear();
  }
}
