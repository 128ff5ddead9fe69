/**
 * REDUCE and GATHER: gradients and parameters of a unit over the data-parallel group. Both are started by their line and
 * awaited later; numbers are added by the group on the host. How ZeRO cuts them is in model/placement.ts.
 */
import type { Instance } from '../model/instance';
import { background, type Cluster } from './cluster';

export class Shards {
  readonly #grads = new Map<number, Promise<void>>();
  /** Reused whole gradients on the host, by unit. */
  readonly #hostGrads = new Map<number, Float32Array<ArrayBuffer>>();
  /** zero >= 2: the sum over microbatches of this rank's shard, on the host. */
  readonly #sums = new Map<number, { sum: Float32Array; left: number }>();

  constructor(
    readonly instance: Instance,
    readonly cluster: Cluster,
  ) {}

  /** Forget what an earlier step left. */
  begin(): void {
    this.#grads.clear();
    this.#sums.clear();
  }

  /** Every REDUCE has ended and its result is on the device. */
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
      const t0 = performance.now();
      await read;
      if (zero === 0) {
        await this.cluster.dp.allReduce(host, tag);
        stream.write(whole, host);
      } else {
        const shard = await this.cluster.dp.reduceScatter(host, tag);
        // why: microbatches are added in order 0, 1, ..., whichever arrives first
        await before;
        if (zero === 1) stream.write(this.instance.own('grad', unit), shard);
        else this.#add(unit, shard);
      }
      this.cluster.trace.span('net', 'REDUCE', t0, { unit, bytes: host.byteLength });
    };
    this.#grads.set(unit, background(reduce()));
  }

  /** Start the all-gather of a unit's parameters; the result is when they are whole on the device. */
  startGather(unit: number, tag: string): Promise<void> {
    const { stream, placement } = this.instance;
    const whole = this.instance.whole('param', unit);
    const own = this.instance.own('param', unit);
    const { at } = placement.shard(unit);
    const host = new Float32Array(whole.floats);
    const read = stream.read(own, host.subarray(at, at + own.floats));
    const gather = async () => {
      const t0 = performance.now();
      await read;
      await this.cluster.dp.allGather(host, tag);
      stream.write(whole, host);
      this.cluster.trace.span('net', 'GATHER', t0, { unit, bytes: host.byteLength });
    };
    return background(gather());
  }

  #hostGrad(unit: number, floats: number): Float32Array<ArrayBuffer> {
    const known = this.#hostGrads.get(unit);
    if (known) return known;
    const host = new Float32Array(floats);
    this.#hostGrads.set(unit, host);
    return host;
  }

  /** Add one microbatch's shard; the last one is written to the device. */
  #add(unit: number, shard: Float32Array): void {
    const known = this.#sums.get(unit);
    const state = known ?? { sum: shard.slice(), left: this.instance.options.microbatches };
    if (known) for (let i = 0; i < shard.length; i++) state.sum[i]! += shard[i]!;
    this.#sums.set(unit, state);
    if (--state.left === 0) this.instance.stream.write(this.instance.own('grad', unit), state.sum);
  }
}
