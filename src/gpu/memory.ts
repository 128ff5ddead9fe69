/**
 * The memory plan: the buffers that a rank needs, by role, computed before any is created. Pure: bytes are known
 * without a device and equal what is allocated later. model/placement.ts decides what a model needs.
 */
import { BufferLimit, PlanError } from '../errors';
import type { Instr, MemoryByRole, Tensor } from './instr';

export type MemoryRole = keyof MemoryByRole;

/** A range of a planned buffer. */
export interface Spot {
  readonly buffer: string;
  readonly at: number;
  readonly floats: number;
}

/** `count` buffers `name/0`, `name/1`, ... of one size; without a count one buffer `name`. */
interface Wish {
  readonly role: MemoryRole;
  floats: number;
  count: number | undefined;
}

export class MemoryPlan {
  readonly #wishes = new Map<string, Wish>();

  /** Ask for a buffer of at least `floats`; asking again makes it as large as the largest wish. */
  need(buffer: string, role: MemoryRole, floats: number): void {
    this.#wish(buffer, role, floats, undefined);
  }

  /** As `need`, for each of the buffers `name/0` to `name/(count - 1)`. */
  needEach(name: string, count: number, role: MemoryRole, floats: number): void {
    this.#wish(name, role, floats, count);
  }

  #wish(name: string, role: MemoryRole, floats: number, count: number | undefined): void {
    const known = this.#wishes.get(name);
    if (!known) this.#wishes.set(name, { role, floats, count });
    else if (known.count === count) known.floats = Math.max(known.floats, floats);
    else throw new Error(`buffer ${name} is asked for ${known.count ?? 'once'} and ${count ?? 'once'}`);
  }

  /** Every buffer by its name. */
  buffers(): ReadonlyMap<string, { readonly role: MemoryRole; readonly floats: number }> {
    const buffers = new Map<string, { readonly role: MemoryRole; readonly floats: number }>();
    for (const [name, { role, floats, count }] of this.#wishes) {
      if (count === undefined) buffers.set(name, { role, floats });
      else for (let i = 0; i < count; i++) buffers.set(`${name}/${i}`, { role, floats });
    }
    return buffers;
  }

  bytes(): MemoryByRole {
    const bytes: MemoryByRole = { param: 0, grad: 0, moment: 0, saved: 0, scratch: 0, staging: 0 };
    for (const { role, floats, count = 1 } of this.#wishes.values()) bytes[role] += 4 * floats * count;
    return bytes;
  }

  /** Throw PlanError when the whole is above `limitBytes` or one buffer is above what the device binds. */
  check(limitBytes: number, maxBufferBytes: number): void {
    const bytes = this.bytes();
    const total = Object.values(bytes).reduce((sum, part) => sum + part, 0);
    if (total > limitBytes) {
      const parts = Object.entries(bytes).filter(([, part]) => part > 0);
      const list = parts.map(([role, part]) => `${role} ${megabytes(part)}`).join(', ');
      throw new PlanError(
        `this rank needs ${megabytes(total)} MB (${list}) and its limit is ${megabytes(limitBytes)} MB: raise zero or pp, lower the microbatch, or raise the limit`,
      );
    }
    for (const [name, { floats }] of this.#wishes) {
      if (4 * floats > maxBufferBytes) {
        throw new BufferLimit(
          `buffer ${name} needs ${megabytes(4 * floats)} MB and this device binds at most ${megabytes(maxBufferBytes)} MB: use a smaller model, vocabulary or microbatch`,
          maxBufferBytes,
        );
      }
    }
  }
}

function megabytes(bytes: number): string {
  return (bytes / 1e6).toFixed(bytes < 1e7 ? 2 : 0);
}

/**
 * Scratch shared by all lists of a rank, since only one runs at a time: inside a list, tensors that are alive together
 * get different buffers, others share. Whole buffers, never ranges: two roles in one dispatch may not share a buffer.
 */
export class ScratchPool {
  /** Floats of each pool buffer; grows as lists are added. */
  readonly #sizes: number[] = [];

  /** The pool buffer of each of `tensors` (all of them scratch) over one run of `list`. */
  assign(list: readonly Instr[], isScratch: (tensor: Tensor) => boolean): ReadonlyMap<Tensor, number> {
    const lastUse = new Map<Tensor, number>();
    list.forEach((line, at) => {
      for (const tensor of touched(line)) if (isScratch(tensor)) lastUse.set(tensor, at);
    });
    const assigned = new Map<Tensor, number>();
    const free = new Set(this.#sizes.keys());
    list.forEach((line, at) => {
      for (const tensor of touched(line)) {
        if (!lastUse.has(tensor) || assigned.has(tensor)) continue;
        const buffer = this.#choose(free, floatsIn(tensor));
        free.delete(buffer);
        assigned.set(tensor, buffer);
      }
      for (const tensor of touched(line)) if (lastUse.get(tensor) === at) free.add(assigned.get(tensor)!);
    });
    return assigned;
  }

  get sizes(): readonly number[] {
    return this.#sizes;
  }

  /** The smallest free buffer that fits, else the largest free one made larger, else a new one. */
  #choose(free: ReadonlySet<number>, floats: number): number {
    let best: number | undefined;
    for (const buffer of free) {
      const [size, other] = [this.#sizes[buffer]!, best === undefined ? undefined : this.#sizes[best]!];
      if (other === undefined || (other >= floats ? size >= floats && size < other : size > other)) best = buffer;
    }
    if (best === undefined) best = this.#sizes.push(0) - 1;
    this.#sizes[best] = Math.max(this.#sizes[best]!, floats);
    return best;
  }
}

function touched(line: Instr): readonly Tensor[] {
  return line.do === 'run' ? Object.values(line.bind) : [line.tensor];
}

export function floatsIn(tensor: Tensor): number {
  return tensor.shape.reduce((product, dim) => product * dim, 1);
}
