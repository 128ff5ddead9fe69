/**
 * REDUCE, SUM and GATHER: gradients and parameters of a unit over the data-parallel group. A line starts them, and they
 * are awaited later. Numbers are added on the host, microbatches before ranks under every zero (docs/decisions/008).
 * model/placement.ts says how ZeRO shards them.
 */
import type { Place } from '../../gpu/instr';
import type { Instance } from '../../model/instance';
import type { Coding } from '../../net/collective/coded';
import { emitOf } from '../../net/collective/collective';
import { background, type Cluster } from './cluster';
import { sumCopies } from './copies';
import { HostArrays, ownPart, ROUND_FLOATS, type Round, roundsOf, type Stretch } from './rounds';

export class Shards {
  readonly #grads = new Map<number, Promise<void>>();
  readonly #host = new HostArrays();
  /** zero >= 2: by unit, the sum of each member's contributions to this rank's shard, and the microbatches to come. */
  readonly #sums = new Map<number, { readonly parts: readonly Float32Array[]; left: number }>();

  constructor(
    readonly instance: Instance,
    readonly cluster: Cluster,
    readonly roundFloats = ROUND_FLOATS,
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

  /**
   * Start the sum of a unit's gradient. With zero >= 2 it is of one microbatch, and the whole gradient is cleared.
   * Resolves when the gradient on the device may change again.
   */
  async startReduce(unit: number, tag: string): Promise<void> {
    const { zero } = this.instance.options.sharding;
    if (zero >= 2) await this.#startTaking(unit, tag);
    else this.#grads.set(unit, background(this.#reduce(unit, tag)));
  }

  /** zero 0 and 1: the gradient stays on the device until NORM, so it is read round by round. */
  async #reduce(unit: number, tag: string): Promise<void> {
    const { stream, options, placement } = this.instance;
    const whole = this.instance.whole('grad', unit);
    const coding = this.#coding(unit);
    // why: a coding's blocks and its feedback belong to the whole array
    const rounds = coding
      ? roundsOf(whole.floats, 1, whole.floats)
      : roundsOf(whole.floats, this.cluster.dp.size, this.roundFloats);
    await this.#each(rounds, tag, async (round, host, name) => {
      await this.#read(whole, round, host);
      // why not before: until then the device computes, and nothing is communicated
      const t0 = performance.now();
      if (options.sharding.zero === 0) {
        await this.cluster.dp.allReduce(host, name, coding);
        this.#write(whole, round, host);
      } else {
        const part = await this.cluster.dp.reduceScatter(host, name, coding);
        const shard = placement.shard(unit);
        const { at } = ownPart(round, shard);
        stream.write(within(this.instance.own('grad', unit), { at: at - shard.at, floats: part.length }), part);
      }
      emitOf(tag, this.cluster.trace, 'REDUCE', t0, { unit, bytes: host.byteLength });
    });
  }

  /** zero >= 2: later work changes the gradient on the device, so all of it is read now. */
  async #startTaking(unit: number, tag: string): Promise<void> {
    const { stream } = this.instance;
    const whole = this.instance.whole('grad', unit);
    const given = this.#host.take(whole.floats);
    const host = given instanceof Float32Array ? given : await given;
    let read: Promise<unknown> | undefined;
    for (let at = 0; at < whole.floats; at += this.roundFloats) {
      // why: one staging buffer at a time
      if (read) await read;
      const floats = Math.min(this.roundFloats, whole.floats - at);
      read = stream.read(within(whole, { at, floats }), host.subarray(at, at + floats));
    }
    stream.clear(whole);
    const before = this.#grads.get(unit);
    const reduce = async () => {
      await read;
      const t0 = performance.now();
      const parts = await this.#scatter(host, tag, this.#coding(unit));
      // why: microbatches are added in order 0, 1, ..., whichever arrives first
      await before;
      this.#add(unit, parts);
      emitOf(tag, this.cluster.trace, 'REDUCE', t0, { unit, bytes: host.byteLength });
    };
    // why also after a failure: a line that waits for the memory must get it, and fail as well
    this.#grads.set(unit, background(reduce().finally(() => this.#host.give(host))));
  }

  /** Start the all-gather of a unit's parameters. Resolves when they are complete on the device. */
  startGather(unit: number, tag: string): Promise<void> {
    const whole = this.instance.whole('param', unit);
    const own = this.instance.own('param', unit);
    const shard = this.instance.placement.shard(unit);
    const gather = this.#each(
      roundsOf(whole.floats, this.cluster.dp.size, this.roundFloats),
      tag,
      async (round, host, name) => {
        const { at, floats, offset } = ownPart(round, shard);
        await this.instance.stream.read(
          within(own, { at: at - shard.at, floats }),
          host.subarray(offset, offset + floats),
        );
        const t0 = performance.now();
        await this.cluster.dp.allGather(host, name);
        this.#write(whole, round, host);
        emitOf(tag, this.cluster.trace, 'GATHER', t0, { unit, bytes: host.byteLength });
      },
    );
    return background(gather);
  }

  /**
   * Run `exchange` for one round after the other, each with a host array and a tag of its own. The first round begins
   * at once unless earlier lines have all the host memory.
   */
  async #each(
    rounds: readonly Round[],
    tag: string,
    exchange: (round: Round, host: Float32Array<ArrayBuffer>, name: string) => Promise<void>,
  ): Promise<void> {
    const given = this.#host.take(Math.max(...rounds.map(({ floats }) => floats)));
    const array = given instanceof Float32Array ? given : await given;
    try {
      for (const [index, round] of rounds.entries()) {
        const name = rounds.length === 1 ? tag : `${tag}/part${index}`;
        await exchange(round, array.subarray(0, round.floats), name);
      }
    } finally {
      this.#host.give(array);
    }
  }

  #read(place: Place, { stretches }: Round, host: Float32Array<ArrayBuffer>): Promise<unknown> {
    const views = stretches.map(({ offset, floats }) => host.subarray(offset, offset + floats));
    return this.instance.stream.readMany(
      stretches.map((stretch) => within(place, stretch)),
      views,
    );
  }

  #write(place: Place, { stretches }: Round, host: Float32Array): void {
    for (const stretch of stretches) {
      const { offset, floats } = stretch;
      this.instance.stream.write(within(place, stretch), host.subarray(offset, offset + floats));
    }
  }

  #coding(unit: number): Coding | undefined {
    return this.cluster.codings.reduce.of(unit);
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
    const state = this.#sums.get(unit) ?? {
      parts: microbatches === 1 ? given : given.map((part) => part.slice()),
      left: microbatches,
    };
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

const within = (place: Place, { at, floats }: Stretch): Place => ({ ...place, at: place.at + at, floats });

function addTo(into: Float32Array, x: Float32Array): void {
  for (let i = 0; i < into.length; i++) into[i]! += x[i]!;
}
