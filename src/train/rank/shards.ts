/**
 * REDUCE, SUM and GATHER: gradients and parameters of a unit over the data-parallel group. A line starts them, and they
 * are awaited later. Numbers are added on the host, microbatches before ranks under every zero (docs/decisions/008).
 * model/placement.ts says how ZeRO shards them.
 */
import type { Instance } from '../../model/instance';
import type { Coding } from '../../net/collective/coded';
import { emitOf } from '../../net/collective/collective';
import { background, type Cluster } from './cluster';
import { sumCopies } from './copies';

export class Shards {
  readonly #grads = new Map<number, Promise<void>>();
  /** By unit: a reused host array for the whole gradient. */
  readonly #hostGrads = new Map<number, Float32Array<ArrayBuffer>>();
  /** zero >= 2: by unit, the sum of each member's contributions to this rank's shard, and the microbatches to come. */
  readonly #sums = new Map<number, { readonly parts: readonly Float32Array[]; left: number }>();

  constructor(
    readonly instance: Instance,
    readonly cluster: Cluster,
  ) {}

  /** Forget the state of an earlier step. */
  begin(): void {
    this.#grads.clear();
    this.#sums.clear();
  }

  /** True if each REDUCE handles one of several microbatches. The contributions are then added on the host. */
  get isByMicrobatch(): boolean {
    const { sharding, microbatches } = this.instance.options;
    return sharding.zero >= 2 && microbatches > 1;
  }

  /** Resolves when the results of every REDUCE and SUM are on the device. */
  async reduced(): Promise<void> {
    await Promise.all(this.#grads.values());
  }

  /** Start the sum of a unit's gradient. With zero >= 2 it is of one microbatch, and the whole gradient is cleared. */
  startReduce(unit: number, tag: string): void {
    const { stream, options } = this.instance;
    const { zero } = options.sharding;
    const whole = this.instance.whole('grad', unit);
    // why: sums of several microbatches may be under way at once, so they cannot share one host array
    const host = zero >= 2 ? new Float32Array(whole.floats) : this.#hostGrad(unit, whole.floats);
    const read = stream.read(whole, host);
    if (zero >= 2) stream.clear(whole);
    const before = this.#grads.get(unit);
    const reduce = async () => {
      await read;
      // why not before: until then the device computes, and nothing is communicated
      const t0 = performance.now();
      if (zero === 0) {
        await this.cluster.dp.allReduce(host, tag, this.#coding(unit));
        stream.write(whole, host);
      } else {
        const parts = await this.#scatter(host, tag, this.#coding(unit));
        // why: microbatches are added in order 0, 1, ..., whichever arrives first
        await before;
        if (zero === 1) stream.write(this.instance.own('grad', unit), parts[0]!);
        else this.#add(unit, parts);
      }
      emitOf(tag, this.cluster.trace, 'REDUCE', t0, { unit, bytes: host.byteLength });
    };
    this.#grads.set(unit, background(reduce()));
  }

  /** Start the all-gather of a unit's parameters. Resolves when they are complete on the device. */
  startGather(unit: number, tag: string): Promise<void> {
    const { stream, placement } = this.instance;
    const whole = this.instance.whole('param', unit);
    const own = this.instance.own('param', unit);
    const { at } = placement.shard(unit);
    const host = new Float32Array(whole.floats);
    const read = stream.read(own, host.subarray(at, at + own.floats));
    const gather = async () => {
      await read;
      const t0 = performance.now();
      await this.cluster.dp.allGather(host, tag);
      stream.write(whole, host);
      emitOf(tag, this.cluster.trace, 'GATHER', t0, { unit, bytes: host.byteLength });
    };
    return background(gather());
  }

  #coding(unit: number): Coding | undefined {
    return this.cluster.codings.reduce.of(unit);
  }

  #hostGrad(unit: number, floats: number): Float32Array<ArrayBuffer> {
    const known = this.#hostGrads.get(unit);
    if (known) return known;
    const host = new Float32Array(floats);
    this.#hostGrads.set(unit, host);
    return host;
  }

  /** This rank's shard of the sum; with zero >= 2 and several microbatches every member's part of it, in ring order. */
  async #scatter(host: Float32Array, tag: string, coding: Coding | undefined): Promise<readonly Float32Array[]> {
    if (this.isByMicrobatch) return this.cluster.dp.scatter(host, tag, coding);
    return [await this.cluster.dp.reduceScatter(host, tag, coding)];
  }

  /**
   * Start the sum of gradients that several tensor-parallel ranks hold, in all members' contributions to this shard.
   */
  startSum(unit: number, tag: string): void {
    const before = this.#grads.get(unit);
    const sum = async () => {
      await before;
      const { at } = this.instance.placement.shard(unit);
      for (const [i, part] of this.#sums.get(unit)!.parts.entries()) {
        for (const [j, range] of this.instance.copiedGrads(unit).entries()) {
          await sumCopies(this.cluster.tp, range, part, at, `${tag}/of${i}/copy${j}`);
        }
      }
      this.#finish(unit);
    };
    this.#grads.set(unit, background(sum()));
  }

  /** Add one microbatch to each member's sum. After the last one, the total of the members goes to the device. */
  #add(unit: number, given: readonly Float32Array[]): void {
    const { microbatches } = this.instance.options;
    const state = this.#sums.get(unit) ?? { parts: given.map((part) => part.slice()), left: microbatches };
    if (this.#sums.has(unit)) for (const [i, part] of given.entries()) addTo(state.parts[i]!, part);
    this.#sums.set(unit, state);
    const isLast = --state.left === 0;
    // why not if there are copies: SUM comes between the last microbatch and the sum of the members
    const isSummed = this.isByMicrobatch && this.instance.copiedGrads(unit).length > 0;
    if (isLast && !isSummed) this.#finish(unit);
  }

  #finish(unit: number): void {
    const [total, ...rest] = this.#sums.get(unit)!.parts;
    this.#sums.delete(unit);
    for (const part of rest) addTo(total!, part);
    this.instance.stream.write(this.instance.own('grad', unit), total!);
  }
}

function addTo(into: Float32Array, x: Float32Array): void {
  for (let i = 0; i < into.length; i++) into[i]! += x[i]!;
}
