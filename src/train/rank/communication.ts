/**
 * The lines that talk to other ranks: SEND, RECV, TIE, REDUCE, GATHER, FREE, SUM, OUTER. Most of them only start something. Two
 * promises per unit, parameters on their way (GATHER, OUTER, TIE) and gradients on their way (REDUCE and SUM, in shards.ts), are the
 * whole dependency system.
 */
import type { Stream } from '../../gpu/stream';
import type { Instance } from '../../model/instance';
import type { Program } from '../../plan/lower';
import { messageOf } from '../../plan/text';
import { background, type Cluster, type Line, receivePlace, sendPlace, type Tags } from './cluster';
import { sumCopies } from './copies';
import type { GpuClock } from './gpuclock';
import type { OuterSteps } from './outersteps';
import { Shards } from './shards';

export type CommunicationLine = Line<'SEND' | 'RECV' | 'TIE' | 'REDUCE' | 'GATHER' | 'FREE' | 'SUM' | 'OUTER'>;

export class Communication {
  readonly #stream: Stream;
  readonly #shards: Shards;
  readonly #head: number;
  /** By unit: its parameters are on their way. */
  readonly #params = new Map<number, Promise<void>>();
  /** The head's copy of a tied table is on its way. */
  #tableCopy: Promise<void> | undefined;
  #sends: Promise<void>[] = [];

  constructor(
    readonly instance: Instance,
    /** The stages of this rank and of the model, which are those of every step. */
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

  /** Forget what an earlier pass left. */
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
        this.#shards.startReduce(line.unit, this.tags.of(line));
        return this.clock.submit();
      case 'SUM':
        return this.#sum(line as Line<'SUM'>);
      case 'GATHER':
        // why: an update that it gathers is timed by itself
        if (line.pass === undefined) this.clock.submit();
        this.#params.set(line.unit, this.#shards.startGather(line.unit, this.tags.of(line)));
        return;
      case 'FREE':
        this.#params.delete(line.unit);
        return;
      case 'TIE':
        return this.#tie(line as Line<'TIE'>);
      case 'OUTER': {
        const arrives = this.outer!.start(line as Line<'OUTER'>, this.tags.of(line));
        if (arrives) this.#params.set(line.unit, arrives);
        return this.clock.submit();
      }
    }
  }

  /** The parameters that a line of `unit` reads are on the device; a tied head reads its table, too. */
  async awaitParams(unit: number): Promise<void> {
    await this.#params.get(unit);
    if (unit !== this.#head || this.instance.options.tie === 'none') return;
    await this.#params.get(0);
    await this.#tableCopy;
  }

  /** Every REDUCE, SUM and send of this pass has ended. */
  async ended(): Promise<void> {
    await Promise.all([this.#shards.reduced(), ...this.#sends]);
  }

  /**
   * Wait until what this rank keeps of the model is at rest, also after a failed step. Rejects with PeerLost where a GATHER
   * of kept parameters (zero 1 and 2) failed: they are of two steps then. After a failed OUTER its state before it is kept.
   */
  async settle(): Promise<void> {
    const { zero } = this.instance.options.sharding;
    if (zero === 0) await Promise.allSettled(this.#params.values());
    else if (zero < 3) await Promise.all(this.#params.values());
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
    // why: the GPU works on what is encoded while this rank waits
    this.clock.submit();
    await receivePlace(this.cluster, this.#stream, place, rank, this.tags.name(name));
  }

  /** The two ends of a tied table on different ranks; what each line does is said at Action in plan.ts. */
  async #tie({ dir, unit }: Line<'TIE'>): Promise<void> {
    const { instance, cluster } = this;
    const other = cluster.mesh.stageRank(unit === 0 ? this.program.stageCount - 1 : 0);
    const tag = this.tags.name(`TIE ${dir}`);
    if (dir === 'grad' && unit === 0) {
      await receivePlace(cluster, this.#stream, instance.tableIn, other, tag);
      instance.encodeTableSum();
    } else if (dir === 'grad') {
      this.#sends.push(background(sendPlace(cluster, this.#stream, instance.tablePlace('grad'), other, tag)));
    } else if (unit === 0) {
      const ready = this.#params.get(0);
      const send = async () => {
        await ready;
        await sendPlace(cluster, this.#stream, instance.tableOfOwner, other, tag);
      };
      this.#sends.push(background(send()));
    } else {
      const copy = receivePlace(cluster, this.#stream, instance.tablePlace('param'), other, tag);
      this.#tableCopy = background(copy);
    }
  }

  /** Sum what several tensor-parallel ranks hold copies of: on the device, or in the shards of reduced microbatches. */
  async #sum(line: Line<'SUM'>): Promise<void> {
    const tag = this.tags.of(line);
    if (this.#shards.isByMicrobatch) return this.#shards.startSum(line.unit, tag);
    for (const [i, range] of this.instance.copiedGrads(line.unit).entries()) {
      const place = { ...this.instance.whole('grad', line.unit), at: range.at, floats: range.floats };
      const values = await this.#stream.read(place);
      await sumCopies(this.cluster.tp, range, values, range.at, `${tag}/copy${i}`);
      this.#stream.write(place, values);
    }
  }
}
