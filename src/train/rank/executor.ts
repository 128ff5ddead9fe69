/**
 * The executor: runs one rank's program line by line. One loop, one switch; every parallel strategy is in the lines
 * (plan/lower.ts), every number in the lists (model/) and the groups (net/). Two promises per unit, parameters on their
 * way (GATHER, TIE) and gradients on their way (REDUCE, in shards.ts), are the whole dependency system.
 */
import { NonFinite } from '../../errors';
import type { Dispatch, PreparedList, Stream } from '../../gpu/stream';
import type { Microbatch } from '../../model/inputs';
import type { Instance } from '../../model/instance';
import type { Program } from '../../plan/lower';
import type { Action, ParallelPlan, UnitSize } from '../../plan/plan';
import { messageOf, printAction } from '../../plan/text';
import { type Ballot, countVotes, packBallot } from './ballot';
import { background, type Cluster, type Line, receivePlace, sendPlace } from './cluster';
import { sumCopies } from './copies';
import { GpuClock } from './gpuclock';
import type { StepInput, StepOutcome } from './rankcontract';
import { Shards } from './shards';

export interface ExecutorOptions {
  readonly plan: ParallelPlan;
  /** All units of the model. */
  readonly units: readonly UnitSize[];
  readonly betas: readonly [number, number];
  readonly eps: number;
  readonly weightDecay: number;
  /** 0 switches clipping off. */
  readonly gradClip: number;
  /** How long a line of a step takes at least on this rank, ms: 0 but where it is made slow on purpose (slowness.ts). */
  readonly leastMs: (line: Compute) => number;
}

type Compute = Line<'F' | 'B' | 'I' | 'W'>;

export class Executor {
  readonly #stream: Stream;
  readonly #shards: Shards;
  readonly #clock: GpuClock;
  readonly #head: number;
  /** By unit: its parameters are on their way. */
  readonly #params = new Map<number, Promise<void>>();
  /** The head's copy of a tied table is on its way. */
  #tableCopy: Promise<void> | undefined;
  #tableIsAside = false;
  #sends: Promise<void>[] = [];
  /** `generation/step`, the head of every tag of the pass under way. */
  #tagHead = '';
  #copies = 0;
  /** A step is run: its lines are slow where they are made so. An evaluation is not. */
  #inStep = false;

  constructor(
    readonly instance: Instance,
    readonly program: Program,
    readonly cluster: Cluster,
    readonly options: ExecutorOptions,
  ) {
    this.#stream = instance.stream;
    this.#shards = new Shards(instance, cluster);
    this.#clock = new GpuClock(this.#stream, cluster.trace);
    this.#head = instance.units.length - 1;
  }

  /**
   * Run the program once and commit. Rejects with PeerLost or StaleGeneration (nothing is committed; build the rank anew),
   * NonFinite on all ranks alike, DeviceLost.
   */
  async runStep(input: StepInput): Promise<StepOutcome> {
    this.#begin(`${input.step}`);
    this.#inStep = true;
    for (const unit of this.instance.here) {
      // why: what fits the slots is written first, because a write in between submits what is encoded
      const ready = input.microbatches.slice(0, this.instance.options.residency.slots[unit]);
      for (const [mb, microbatch] of ready.entries()) this.instance.writeInputs(unit, mb, microbatch);
    }
    this.instance.zeroGradients();
    let outcome: StepOutcome | undefined;
    for (const line of this.program.actions) {
      const t0 = performance.now();
      if (line.op === 'NORM') outcome = await this.#norm(input);
      else await this.#run(line, input.microbatches);
      const { unit, mb } = { unit: undefined, mb: undefined, ...line };
      this.cluster.trace.span('host', line.op, t0, {
        ...(unit !== undefined && { unit }),
        ...(mb !== undefined && { mb }),
      });
    }
    this.#stream.flush();
    return outcome!;
  }

  /** Run a program of forward lines. `name` makes the tags of this pass unique in the generation. */
  async runForward(actions: readonly Action[], microbatches: readonly Microbatch[], name: string): Promise<void> {
    this.#begin(`0/~${name}`);
    this.#inStep = false;
    for (const line of actions) {
      if (line.op === 'F') this.instance.writeInputs(line.unit, line.mb, microbatches[line.mb]!);
      if (line.op !== 'NORM') await this.#run(line, microbatches);
    }
    await Promise.all(this.#sends);
  }

  /**
   * Wait until what this rank keeps of the model is at rest, also after a failed step. Rejects with PeerLost where a GATHER
   * of kept parameters (zero 1 and 2) failed: they are of two steps then.
   */
  async settle(): Promise<void> {
    if (this.instance.options.sharding.zero < 3) await Promise.all(this.#params.values());
  }

  /** Bring the copy of a tied table up to date after parameters were written. All ranks call it alike. */
  async copyTable(): Promise<void> {
    this.#begin(`0/~copy${this.#copies++}`);
    if (this.instance.options.tableSource) await this.#tie({ op: 'TIE', dir: 'param', unit: 0 });
    if (this.instance.options.tie === 'copy') await this.#tie({ op: 'TIE', dir: 'param', unit: this.#head });
  }

  #begin(pass: string): void {
    this.#tagHead = `${this.cluster.mesh.generation}/${pass}`;
    this.#sends = [];
    this.#tableIsAside = false;
    this.#shards.begin();
    this.#clock.forget();
  }

  async #run(line: Action, microbatches: readonly Microbatch[]): Promise<void> {
    switch (line.op) {
      case 'F':
        return this.#forward(line as Line<'F'>, microbatches);
      case 'B':
      case 'I':
      case 'W':
        return this.#backward(line as Compute);
      case 'SEND':
        return this.#send(line as Line<'SEND'>);
      case 'RECV':
        return this.#receive(line as Line<'RECV'>);
      case 'REDUCE':
        await this.#completeGrad(line.unit, line.mb, this.#tag(line));
        this.#shards.startReduce(line.unit, this.#tag(line));
        return this.#clock.submit();
      case 'GATHER':
        this.#params.set(line.unit, this.#shards.startGather(line.unit, this.#tag(line)));
        return;
      case 'FREE':
        this.#params.delete(line.unit);
        return;
      case 'TIE':
        return this.#tie(line);
      case 'STEP':
        return this.instance.encodeStep(line.unit);
      default:
        throw new Error(`the executor has no rule for ${line.op}`);
    }
  }

  async #forward(line: Line<'F'>, microbatches: readonly Microbatch[]): Promise<void> {
    const { unit, mb } = line;
    await this.#awaitParams(unit);
    if (mb >= this.instance.options.residency.slots[unit]!) this.instance.writeInputs(unit, mb, microbatches[mb]!);
    await this.#encode(this.instance.list(unit, 'F', mb), line);
    if (unit === this.#head) this.#stream.encode(this.instance.lossList(mb));
  }

  async #backward(line: Compute): Promise<void> {
    // why: all forwards before it go to the GPU in one submit, each backward in its own, so that reductions start early
    this.#clock.submit();
    if (line.op !== 'W') await this.#awaitParams(line.unit);
    this.#putTableAside(line);
    await this.#encode(this.instance.list(line.unit, line.op, line.mb), line);
    if (line.unit === 0 && line.op !== 'I' && this.options.plan.pp === 1) this.#takeTableBack();
  }

  /** Encode a list; at each of its collectives read, sum over the tensor-parallel group, write, go on. */
  async #encode(list: PreparedList, line: Compute): Promise<void> {
    const leastMs = this.#inStep ? this.options.leastMs(line) : 0;
    // why: what was encoded before has its own time
    if (leastMs > 0) this.#clock.submit();
    for (const [i, dispatches] of list.segments.entries()) {
      this.#stream.encode(list, i);
      this.#clock.encoded(line.op, line.unit, line.mb, dispatches);
      if (leastMs > 0) await this.#clock.submitSlowly((leastMs * flopsOf(dispatches)) / flopsOf(list.segments.flat()));
      const collective = list.collectives[i];
      if (!collective) continue;
      const reading = this.#stream.read(collective.place);
      this.#clock.submit();
      const host = await reading;
      const tag = `${this.#tag(line)}/tp${i}`;
      if (collective.op === 'sum') await this.cluster.tp.allReduce(host, tag);
      else await this.cluster.tp.allReduceMax(host, tag);
      this.#stream.write(collective.place, host);
    }
  }

  async #awaitParams(unit: number): Promise<void> {
    await this.#params.get(unit);
    if (unit !== this.#head || this.instance.options.tie === 'none') return;
    await this.#params.get(0);
    await this.#tableCopy;
  }

  #send(line: Line<'SEND'>): void {
    const { name, partner } = messageOf(line);
    const { first, last } = this.program.stages.find(({ stage }) => stage === line.stage)!;
    const place =
      line.dir === 'act'
        ? this.instance.border(last, 'output', line.mb)
        : this.instance.border(first, 'inputGrad', line.mb);
    const rank = this.cluster.mesh.stageRank(partner);
    this.#sends.push(background(sendPlace(this.cluster, this.#stream, place, rank, `${this.#tagHead}/${name}`)));
    this.#clock.submit();
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
    this.#clock.submit();
    await receivePlace(this.cluster, this.#stream, place, rank, `${this.#tagHead}/${name}`);
  }

  /** The two ends of a tied table on different ranks; what each line does is said at Action in plan.ts. */
  async #tie({ dir, unit }: Line<'TIE'>): Promise<void> {
    const { instance, cluster } = this;
    const stages = this.options.plan.pp * this.options.plan.chunks;
    const other = cluster.mesh.stageRank(unit === 0 ? stages - 1 : 0);
    const tag = `${this.#tagHead}/TIE ${dir}`;
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

  /**
   * Add what is kept apart from a unit's gradient before it is reduced or counted. With pp > 1 a tied head beside its table
   * adds its part after the last microbatch, as heads on other ranks do, so all schedules add in the same order. A
   * parameter that several tensor-parallel ranks hold (a shared key/value head) gets the sum of their gradients; where
   * microbatches are reduced one by one, shards.ts does it after the last.
   */
  async #completeGrad(unit: number, mb: number | undefined, tag: string): Promise<void> {
    const isLast = mb === undefined || mb === this.options.plan.microbatches - 1;
    if (unit === 0 && isLast && this.instance.options.tie === 'apart') this.instance.encodeTableSum();
    if (unit === 0) this.#takeTableBack();
    if (mb !== undefined && this.options.plan.microbatches > 1) return;
    for (const [i, range] of this.instance.copiedGrads(unit).entries()) {
      const place = { ...this.instance.whole('grad', unit), at: range.at, floats: range.floats };
      const values = await this.#stream.read(place);
      await sumCopies(this.cluster.tp, range, values, range.at, `${tag}/copy${i}`);
      this.#stream.write(place, values);
    }
  }

  /**
   * A tied table gets two contributions of a microbatch. Before the first of them its gradient is put aside: with pp 1 of
   * every microbatch, with pp > 1 of the last one, which the head's part of all microbatches joins.
   */
  #putTableAside({ op, unit, mb }: Compute): void {
    const { plan } = this.options;
    const isFirst = plan.pp === 1 ? unit === this.#head && mb > 0 : unit === 0 && mb === plan.microbatches - 1;
    if (!this.instance.options.tableAside || op === 'I' || !isFirst || this.#tableIsAside) return;
    this.#tableIsAside = true;
    this.instance.encodeTableAside();
  }

  #takeTableBack(): void {
    if (this.#tableIsAside) this.instance.encodeTableBack();
    this.#tableIsAside = false;
  }

  /** The commit point: await every REDUCE, exchange norm, loss and votes; every rank forms the same numbers. */
  async #norm(input: StepInput): Promise<StepOutcome> {
    this.#clock.submit();
    await Promise.all([this.#shards.reduced(), ...this.#sends]);
    if (this.options.plan.dp === 1) {
      for (const unit of this.instance.here) await this.#completeGrad(unit, undefined, `${this.#tagHead}/NORM ${unit}`);
    }
    const ballots = await this.cluster.world.exchange(packBallot(await this.#ballot(input)), `${this.#tagHead}/NORM`);
    const { sumsq, loss: lossSum, votes } = countVotes(ballots, this.instance.units.length);
    const gradNorm = Math.sqrt(sumsq) / input.tokens;
    const loss = lossSum / input.tokens;
    if (!Number.isFinite(gradNorm) || !Number.isFinite(loss)) {
      throw new NonFinite(
        `step ${input.step} gave loss ${loss} and gradient norm ${gradNorm}, so it was not applied: lower train.lr`,
      );
    }
    this.#setOptimizer(input, gradNorm);
    this.cluster.trace.instant('host', 'loss', { value: loss });
    this.cluster.trace.instant('host', 'gradNorm', { value: gradNorm });
    return { loss, gradNorm, votes };
  }

  #setOptimizer({ step, lr, tokens }: StepInput, gradNorm: number): void {
    const { gradClip, betas, eps, weightDecay } = this.options;
    const clip = gradClip > 0 ? Math.min(1, gradClip / (gradNorm + 1e-6)) : 1;
    const [beta1, beta2] = betas;
    const [c1, c2] = [1 - beta1 ** (step + 1), 1 - beta2 ** (step + 1)];
    this.instance.setAdam({ lr, beta1, beta2, eps, weightDecay, c1, c2, scale: clip / tokens });
  }

  /** What this rank knows of the step. */
  async #ballot(input: StepInput): Promise<Ballot> {
    const { instance } = this;
    instance.encodeSumsq();
    const counted = instance.sumsqPlaces;
    const hasLoss = instance.placement.isHere(this.#head) && this.cluster.mesh.coord.tp === 0;
    const places = counted.map(({ place }) => place);
    const read = await this.#stream.readMany(hasLoss ? [...places, instance.lossPlace] : places);
    const sumsq = new Array<number>(instance.units.length).fill(0);
    for (const [i, { unit }] of counted.entries()) sumsq[unit]! += sum(read[i]!);
    return { loss: hasLoss ? sum(read.at(-1)!) : 0, sumsq, vote: input.vote() };
  }

  #tag(line: Action): string {
    return `${this.#tagHead}/${printAction(line, this.options.units)}`;
  }
}

function flopsOf(dispatches: readonly Dispatch[]): number {
  return sum(dispatches.map(({ flops }) => flops));
}

/** In float64, in order. */
function sum(values: Float32Array | readonly number[]): number {
  let total = 0;
  for (const value of values) total += value;
  return total;
}
