/**
 * Runs the lines that communicate with other ranks: SEND, RECV, TIE, REDUCE, GATHER, FREE, SUM, OUTER. Most of them
 * only start an operation. Two promises per unit track all dependencies: one for parameters that are on their way
 * (GATHER, OUTER, TIE), one for gradients (REDUCE and SUM, in shards.ts).
 */
import type { Stream } from '../../gpu/stream';
import type { Instance } from '../../model/instance';
import type { Program } from '../../plan/lower';
import { messageOf } from '../../plan/text';
import {
  background,
  type Cluster,
  type Line,
  receivePlace,
  receiveTable,
  sendPlace,
  sendTable,
  type Tags,
} from './cluster';
import { sumCopies } from './copies';
import type { GpuClock } from './gpuclock';
import type { OuterSteps } from './outersteps';
import { Shards } from './shards';

export type CommunicationLine = Line<'SEND' | 'RECV' | 'TIE' | 'REDUCE' | 'GATHER' | 'FREE' | 'SUM' | 'OUTER'>;

export class Communication {
  readonly #stream: Stream;
  readonly #shards: Shards;
  readonly #head: number;
  /** By unit: resolves when its parameters have arrived. */
  readonly #params = new Map<number, Promise<void>>();
  /** Resolves when the head's copy of a tied table has arrived. */
  #tableCopy: Promise<void> | undefined;
  #sends: Promise<void>[] = [];

  constructor(
    readonly instance: Instance,
    /** The stages of this rank and of the model; the same in every step. */
    readonly program: Pick<Program, 'stages' | 'stageCount'>,
    readonly cluster: Cluster,
    readonly clock: GpuClock,
    readonly tags: Tags,
    readonly outer: OuterSteps | undefined,
  ) {
    this.#stream = instance.stream;
    this.#shards = new Shards(instance, cluster);
    this.#head = instance.units.length - 1;
  }

  /** Forget the state of an earlier pass. */
  begin(): void {
    this.#sends = [];
    this.#shards.begin();
  }

  async run(line: CommunicationLine): Promise<void> {
    switch (line.op) {
      case 'SEND':
        return this.#send(line as Line<'SEND'>);
      case 'RECV':
        return this.#receive(line as Line<'RECV'>);
      case 'REDUCE':
        await this.#shards.startReduce(line.unit, this.tags.of(line));
        return this.clock.submit();
      case 'SUM':
        return this.#sum(line as Line<'SUM'>);
      case 'GATHER':
        // why: the GPU time of an update that it gathers is measured by itself
        if (line.pass === undefined) this.clock.submit();
        return this.#arrives(line.unit, this.#shards.startGather(line.unit, this.tags.of(line)));
      case 'FREE':
        this.#params.delete(line.unit);
        return;
      case 'TIE':
        return this.#tie(line as Line<'TIE'>);
      case 'OUTER': {
        const arrives = this.outer!.start(line as Line<'OUTER'>, this.tags.of(line));
        if (arrives) this.#arrives(line.unit, arrives);
        return this.clock.submit();
      }
    }
  }

  /** Resolves when the parameters that a line of `unit` reads are on the device; a tied head reads its table, too. */
  async awaitParams(unit: number): Promise<void> {
    await this.#params.get(unit);
    if (unit !== this.#head || this.instance.options.tie === 'none') return;
    await this.#params.get(0);
    await this.#tableCopy;
  }

  /** Resolves when every REDUCE, SUM and send of this pass has ended. */
  async ended(): Promise<void> {
    await Promise.all([this.#shards.reduced(), ...this.#sends]);
  }

  /**
   * Wait until no operation changes the model state that this rank keeps, also after a failed step. Rejects with
   * PeerLost if a GATHER of kept parameters (zero 1 and 2) failed: they are then from two different steps. After a
   * failed OUTER, the state from before it is kept.
   */
  async settle(): Promise<void> {
    const { zero } = this.instance.options.sharding;
    if (zero === 0) await Promise.allSettled(this.#params.values());
    else if (zero < 3) await Promise.all(this.#params.values());
  }

  #arrives(unit: number, params: Promise<void>): void {
    this.#params.set(unit, params);
    this.cluster.trace.late(params);
  }

  #send(line: Line<'SEND'>): void {
    const { name, partner } = messageOf(line);
    const { first, last } = this.program.stages.find(({ stage }) => stage === line.stage)!;
    const place =
      line.dir === 'act'
        ? this.instance.border(last, 'output', line.mb)
        : this.instance.border(first, 'inputGrad', line.mb);
    const rank = this.cluster.mesh.stageRank(partner);
    this.#sends.push(background(sendPlace(this.cluster, this.#stream, place, rank, this.tags.name(name))));
    this.clock.submit();
  }

  async #receive(line: Line<'RECV'>): Promise<void> {
    const { name, partner } = messageOf(line);
    const { first, last } = this.program.stages.find(({ stage }) => stage === line.stage)!;
    const place =
      line.dir === 'act'
        ? this.instance.border(first, 'input', line.mb)
        : this.instance.border(last, 'outputGrad', line.mb);
    const rank = this.cluster.mesh.stageRank(partner);
    // why: the GPU runs the encoded work while this rank waits
    this.clock.submit();
    await receivePlace(this.cluster, this.#stream, place, rank, this.tags.name(name));
  }

  /** Handles a tied table whose two ends are on different ranks. Action in plan.ts says what each line does. */
  async #tie({ dir, unit }: Line<'TIE'>): Promise<void> {
    const { instance, cluster } = this;
    const other = cluster.mesh.stageRank(unit === 0 ? this.program.stageCount - 1 : 0);
    const tag = this.tags.name(`TIE ${dir}`);
    if (dir === 'grad' && unit === 0) {
      await receiveTable(cluster, this.#stream, instance.table.received, other, tag);
      instance.table.encodeSum();
    } else if (dir === 'grad') {
      this.#sends.push(background(sendTable(cluster, this.#stream, instance.table.ofReader('grad'), other, tag, true)));
    } else if (unit === 0) {
      const ready = this.#params.get(0);
      const send = async () => {
        await ready;
        // why not with zero 3: the next gather may use the working buffer
        const isKept = instance.options.sharding.zero < 3;
        await sendTable(cluster, this.#stream, instance.table.ofOwner('param'), other, tag, isKept);
      };
      const sent = background(send());
      this.#sends.push(sent);
      cluster.trace.late(sent);
    } else {
      const copy = receiveTable(cluster, this.#stream, instance.table.ofReader('param'), other, tag);
      this.#tableCopy = background(copy);
    }
  }

  /**
   * Sum the gradients that several tensor-parallel ranks hold copies of: in the gradient on the device, or in the
   * shards of reduced microbatches.
   */
  async #sum(line: Line<'SUM'>): Promise<void> {
    const tag = this.tags.of(line);
    if (this.#shards.isByMicrobatch) return this.#shards.startSum(line.unit, tag);
    for (const [i, range] of this.instance.copiedGrads(line.unit).entries()) {
      const whole = this.instance.whole('grad', line.unit);
      const place = { ...whole, at: whole.at + range.at, floats: range.floats };
      const values = await this.#stream.read(place);
      await sumCopies(this.cluster.tp, range, values, range.at, `${tag}/copy${i}`);
      this.#stream.write(place, values);
    }
  }
}
