/**
 * The executor runs one rank's program line by line. It is one loop and one switch: every parallel strategy is in the
 * lines (plan/lower.ts), every number in the lists (model/) and the groups (net/collective). It does not know the plan.
 */
import { BadContribution, DeviceLost, LineError, NonFinite, PeerLost, StaleGeneration } from '../../errors';
import type { Microbatch } from '../../model/inputs';
import type { Instance } from '../../model/instance';
import type { Action, UnitSize } from '../../plan/plan';
import type { ProgramOf } from '../../plan/steps';
import { aroundLine, printAction } from '../../plan/text';
import type { Ahead } from './ahead';
import { type Cluster, Tags } from './cluster';
import { Commit, type OptimizerOptions } from './commit';
import { Communication, type CommunicationLine } from './communication';
import { type ComputeLine, ComputeLines, type PassOptions } from './computelines';
import { GpuClock } from './gpuclock';
import type { OuterSteps } from './outersteps';
import type { StepInput, StepOutcome } from './rankcontract';

export interface ExecutorOptions extends OptimizerOptions, Pick<PassOptions, 'leastMs'> {
  /** All units of the model. */
  readonly units: readonly UnitSize[];
  /** DiLoCo's outer steps; absent if the programs have none. */
  readonly outer?: OuterSteps;
  /** Makes what goes ahead of the host; absent where nothing can. */
  readonly aheadOf?: (passes: ComputeLines, clock: GpuClock) => Ahead;
}

export class Executor {
  readonly #passes: ComputeLines;
  readonly #communication: Communication;
  readonly #commit: Commit;
  readonly #clock: GpuClock;
  readonly #tags: Tags;
  readonly #ahead: Ahead | undefined;
  readonly outer: OuterSteps | undefined;
  #copies = 0;

  constructor(
    readonly instance: Instance,
    readonly programs: ProgramOf,
    readonly cluster: Cluster,
    readonly options: ExecutorOptions,
  ) {
    this.#tags = new Tags(options.units);
    this.#clock = new GpuClock(instance.stream, cluster.trace);
    this.outer = options.outer;
    this.#communication = new Communication(instance, programs(0), cluster, this.#clock, this.#tags, this.outer);
    this.#commit = new Commit(instance, cluster, options, this.outer);
    this.#passes = new ComputeLines(instance, cluster, this.#clock, this.#tags, {
      leastMs: options.leastMs,
      awaitParams: (unit) => this.#communication.awaitParams(unit),
    });
    this.#ahead = options.aheadOf?.(this.#passes, this.#clock);
  }

  /**
   * Run the step's program and commit. Rejects with PeerLost or StaleGeneration (nothing is committed; the rank must be
   * rebuilt), NonFinite on all ranks alike, DeviceLost, or LineError for any other failure in a line.
   */
  async runStep(input: StepInput): Promise<StepOutcome> {
    const { actions, isLocal, isTurn } = this.programs(input.step);
    const begun = this.#ahead?.take(input.step) ?? 0;
    this.#begin(`${input.step}`);
    if (isLocal && !this.outer!.isActive) await this.outer!.begin(input.step);
    this.#passes.beginStep(input.microbatches, begun > 0);
    let outcome: StepOutcome | undefined;
    let isMade = false;
    await this.#runAll(actions, async (line, at) => {
      const t0 = performance.now();
      if (line.op === 'NORM') ({ outcome, isMade } = await this.#norm(input, isLocal));
      else if (at >= begun && !(isMade && line.op === 'STEP')) await this.#run(line);
      const { unit, mb } = { unit: undefined, mb: undefined, ...line };
      this.cluster.trace.span('host', line.op, t0, {
        ...(unit !== undefined && { unit }),
        ...(mb !== undefined && { mb }),
      });
    });
    if (isTurn) this.outer!.turn();
    this.#clock.submit();
    this.#ahead?.committed(outcome!.gradNorm);
    return outcome!;
  }

  /** Run a program of forward lines. `name` makes the tags of this pass unique in the generation. */
  async runForward(actions: readonly Action[], microbatches: readonly Microbatch[], name: string): Promise<void> {
    this.#begin(`0/~${name}`);
    this.#passes.beginForward(microbatches);
    await this.#runAll(actions, (line) => this.#run(line));
    await this.#communication.ended();
  }

  /** As Communication.settle. */
  settle(): Promise<void> {
    return this.#communication.settle();
  }

  /** Resolves when all parameters of the committed step are on the device and every message of it has left. */
  async atRest(): Promise<void> {
    await this.arrived();
    await this.#communication.ended();
  }

  /** Resolves when all parameters that a step reads are on the device. */
  async arrived(): Promise<void> {
    for (const unit of this.instance.here) await this.#communication.awaitParams(unit);
  }

  /** Update the copy of a tied table after parameters were written. All ranks must call it. */
  async copyTable(): Promise<void> {
    this.#begin(`0/~copy${this.#copies++}`);
    const { actions } = this.programs(0);
    const committed = actions.slice(actions.findIndex(({ op }) => op === 'NORM'));
    await this.#runAll(
      committed.filter(({ op }) => op === 'TIE'),
      (line) => this.#run(line),
    );
  }

  /**
   * After `step` committed steps, make one outer step of all that replicas trained apart since the last one, in these
   * fragments. All ranks must call it.
   */
  async bringTogether(step: number, fragments: readonly number[]): Promise<void> {
    if (!this.outer?.isActive) return;
    this.#begin(`0/~together${this.#copies++}`);
    await this.outer.count(step, `${this.#tags.head}/count`);
    const lines = this.outer.dueOf(fragments).map((unit): Action => ({ op: 'OUTER', unit, part: 'whole' }));
    await this.#runAll(lines, (line) => this.#run(line));
    this.outer.turn();
    await this.outer.made();
  }

  #begin(pass: string): void {
    this.#tags.head = `${this.cluster.mesh.generation}/${pass}`;
    this.#communication.begin();
    this.#clock.forget();
    this.#ahead?.drop();
  }

  async #runAll(lines: readonly Action[], run: (line: Action, at: number) => Promise<void>): Promise<void> {
    for (const [at, line] of lines.entries()) {
      try {
        await run(line, at);
      } catch (error) {
        throw this.#named(error, lines, at);
      }
    }
  }

  async #run(line: Action): Promise<void> {
    switch (line.op) {
      case 'F':
      case 'B':
      case 'I':
      case 'W':
      case 'ASIDE':
      case 'BACK':
      case 'ADD':
      case 'STEP':
        return this.#passes.run(line as ComputeLine);
      case 'SEND':
      case 'RECV':
      case 'TIE':
      case 'REDUCE':
      case 'GATHER':
      case 'FREE':
      case 'SUM':
      case 'OUTER':
        return this.#communication.run(line as CommunicationLine);
      case 'NORM':
        throw new Error('NORM is of a step');
    }
  }

  async #norm(input: StepInput, isLocal: boolean) {
    this.#clock.submit();
    await this.#communication.ended();
    await input.rest?.();
    const ahead = this.#ahead?.isOn(input) ? this.#ahead : undefined;
    return this.#commit.run(input, isLocal, this.#tags.of({ op: 'NORM' }), ahead);
  }

  /**
   * The error with the line it came from. Errors with which a step ends without a defect (lost peer, stale generation,
   * non-finite numbers, lost device, abort of the generation) are returned unchanged.
   */
  #named(error: unknown, lines: readonly Action[], at: number): unknown {
    const { signal, mesh } = this.cluster;
    const ends = [PeerLost, StaleGeneration, NonFinite, BadContribution, DeviceLost].some(
      (kind) => error instanceof kind,
    );
    if (ends || (signal.aborted && error === signal.reason)) return error;
    const text = printAction(lines[at]!, this.options.units);
    const around = aroundLine(lines, at, this.options.units);
    return new LineError(mesh.rank, at + 1, lines.length, text, around, error);
  }
}
