/**
 * Runs the lines that compute on this rank alone: F, B, I, W, the handling of a tied table's gradient (ASIDE, BACK,
 * ADD), STEP. The passes include the sums over the tensor-parallel group, where the tape has them.
 */
import type { Dispatch, PreparedList, Stream } from '../../gpu/stream';
import type { Microbatch } from '../../model/inputs';
import type { Instance } from '../../model/instance';
import type { Cluster, Line, Tags } from './cluster';
import type { GpuClock } from './gpuclock';

type Pass = Line<'F' | 'B' | 'I' | 'W'>;
export type ComputeLine = Pass | Line<'ASIDE' | 'BACK' | 'ADD' | 'STEP'>;

export interface PassOptions {
  /** Minimum time of a line of a step on this rank, ms; 0 unless the rank is made slow on purpose (slowness.ts). */
  readonly leastMs: (line: Pass) => number;
  /** Resolves when the parameters that a line of `unit` reads are on the device. */
  readonly awaitParams: (unit: number) => Promise<void>;
}

export class ComputeLines {
  readonly #stream: Stream;
  readonly #head: number;
  #microbatches: readonly Microbatch[] = [];
  /** True during a step, whose lines may be made slow on purpose; false during an evaluation, whose lines never are. */
  #inStep = false;

  constructor(
    readonly instance: Instance,
    readonly cluster: Cluster,
    readonly clock: GpuClock,
    readonly tags: Tags,
    readonly options: PassOptions,
  ) {
    this.#stream = instance.stream;
    this.#head = instance.units.length - 1;
  }

  /** Begin a step: write the inputs unless its first forwards are submitted, and clear gradients. */
  beginStep(microbatches: readonly Microbatch[], isBegun: boolean): void {
    if (!isBegun) this.beginForwards(microbatches);
    this.instance.zeroGradients();
  }

  /** Begin a step's first forwards: write the inputs that fit the slots. A later write would submit encoded work. */
  beginForwards(microbatches: readonly Microbatch[]): void {
    [this.#microbatches, this.#inStep] = [microbatches, true];
    for (const unit of this.instance.here) {
      const ready = microbatches.slice(0, this.instance.options.residency.slots[unit]);
      for (const [mb, microbatch] of ready.entries()) this.instance.writeInputs(unit, mb, microbatch);
    }
  }

  /** Begin a pass without gradients: one forward of each microbatch, in order. */
  beginForward(microbatches: readonly Microbatch[]): void {
    [this.#microbatches, this.#inStep] = [microbatches, false];
  }

  async run(line: ComputeLine): Promise<void> {
    switch (line.op) {
      case 'F':
        return this.#forward(line as Line<'F'>);
      case 'B':
      case 'I':
      case 'W':
        return this.#backward(line as Pass);
      case 'ASIDE':
        return this.instance.table.encodeAside();
      case 'BACK':
        return this.instance.table.encodeBack();
      case 'ADD':
        return this.instance.table.encodeSum();
      case 'STEP':
        this.instance.update.encodeStep(line.unit);
        return this.clock.encoded(line.op, line.unit, undefined, this.instance.update.stepFlops(line.unit));
    }
  }

  async #forward(line: Line<'F'>): Promise<void> {
    const { unit, mb } = line;
    await this.options.awaitParams(unit);
    const isWritten = this.#inStep && mb < this.instance.options.residency.slots[unit]!;
    if (!isWritten) this.instance.writeInputs(unit, mb, this.#microbatches[mb]!);
    await this.#encode(this.instance.list(unit, 'F', mb), line);
    if (unit === this.#head) this.#stream.encode(this.instance.lossList(mb));
  }

  async #backward(line: Pass): Promise<void> {
    // why: earlier forwards go to the GPU in one submit and each backward in its own, so reductions start early
    this.clock.submit();
    if (line.op !== 'W') await this.options.awaitParams(line.unit);
    await this.#encode(this.instance.list(line.unit, line.op, line.mb), line);
  }

  /** Encode a list. At each of its collectives: read, reduce over the tensor-parallel group, write, continue. */
  async #encode(list: PreparedList, line: Pass): Promise<void> {
    const leastMs = this.#inStep ? this.options.leastMs(line) : 0;
    // why: work that was encoded before must not be timed with this line
    if (leastMs > 0) this.clock.submit();
    for (const [i, dispatches] of list.segments.entries()) {
      this.#stream.encode(list, i);
      this.clock.encoded(line.op, line.unit, line.mb, flopsOf(dispatches));
      if (leastMs > 0) await this.clock.submitSlowly((leastMs * flopsOf(dispatches)) / flopsOf(list.segments.flat()));
      const collective = list.collectives[i];
      if (!collective) continue;
      const reading = this.#stream.read(collective.place);
      this.clock.submit();
      const host = await reading;
      const tag = `${this.tags.of(line)}/tp${i}`;
      if (collective.op === 'sum') await this.cluster.tp.allReduce(host, tag);
      else await this.cluster.tp.allReduceMax(host, tag);
      this.#stream.write(collective.place, host);
    }
  }
}

function flopsOf(dispatches: readonly Dispatch[]): number {
  return dispatches.reduce((sum, { flops }) => sum + flops, 0);
}
