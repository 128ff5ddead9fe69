/**
 * The executor: runs one rank's program line by line. One loop, one switch; every parallel strategy is in the lines
 * (plan/lower.ts), every number in the lists (model/) and the groups (net/collective). It knows no plan.
 */
import { DeviceLost, LineError, NonFinite, PeerLost, StaleGeneration } from '../../errors';
import type { Microbatch } from '../../model/inputs';
import type { Instance } from '../../model/instance';
import type { Program } from '../../plan/lower';
import type { Action, UnitSize } from '../../plan/plan';
import { aroundLine, printAction } from '../../plan/text';
import { type Cluster, Tags } from './cluster';
import { Commit, type OptimizerOptions } from './commit';
import { Communication, type CommunicationLine } from './communication';
import { GpuClock } from './gpuclock';
import { type ComputeLine, Passes, type PassOptions } from './passes';
import type { StepInput, StepOutcome } from './rankcontract';

export interface ExecutorOptions extends OptimizerOptions, Pick<PassOptions, 'leastMs'> {
  /** All units of the model. */
  readonly units: readonly UnitSize[];
}

export class Executor {
  readonly #passes: Passes;
  readonly #communication: Communication;
  readonly #commit: Commit;
  readonly #clock: GpuClock;
  readonly #tags: Tags;
  #copies = 0;

  constructor(
    readonly instance: Instance,
    readonly program: Program,
    readonly cluster: Cluster,
    readonly options: ExecutorOptions,
  ) {
    this.#tags = new Tags(options.units);
    this.#clock = new GpuClock(instance.stream, cluster.trace);
    this.#communication = new Communication(instance, program, cluster, this.#clock, this.#tags);
    this.#commit = new Commit(instance, cluster, options);
    this.#passes = new Passes(instance, cluster, this.#clock, this.#tags, {
      leastMs: options.leastMs,
      awaitParams: (unit) => this.#communication.awaitParams(unit),
    });
  }

  /**
   * Run the program once and commit. Rejects with PeerLost or StaleGeneration (nothing is committed; build the rank anew),
   * NonFinite on all ranks alike, DeviceLost, and LineError for what else goes wrong in a line.
   */
  async runStep(input: StepInput): Promise<StepOutcome> {
    this.#begin(`${input.step}`);
    this.#passes.beginStep(input.microbatches);
    let outcome: StepOutcome | undefined;
    await this.#runAll(this.program.actions, async (line) => {
      const t0 = performance.now();
      if (line.op === 'NORM') outcome = await this.#norm(input);
      else await this.#run(line);
      const { unit, mb } = { unit: undefined, mb: undefined, ...line };
      this.cluster.trace.span('host', line.op, t0, {
        ...(unit !== undefined && { unit }),
        ...(mb !== undefined && { mb }),
      });
    });
    this.instance.stream.flush();
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

  /** Bring the copy of a tied table up to date after parameters were written. All ranks call it alike. */
  async copyTable(): Promise<void> {
    this.#begin(`0/~copy${this.#copies++}`);
    const { actions } = this.program;
    const committed = actions.slice(actions.findIndex(({ op }) => op === 'NORM'));
    await this.#runAll(
      committed.filter(({ op }) => op === 'TIE'),
      (line) => this.#run(line),
    );
  }

  #begin(pass: string): void {
    this.#tags.head = `${this.cluster.mesh.generation}/${pass}`;
    this.#communication.begin();
    this.#clock.forget();
  }

  async #runAll(lines: readonly Action[], run: (line: Action) => Promise<void>): Promise<void> {
    for (const [at, line] of lines.entries()) {
      try {
        await run(line);
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
        return this.#communication.run(line as CommunicationLine);
      default:
        throw new Error('the executor has no rule for it');
    }
  }

  async #norm(input: StepInput): Promise<StepOutcome> {
    this.#clock.submit();
    await this.#communication.ended();
    return this.#commit.run(input, this.#tags.of({ op: 'NORM' }));
  }

  /** The error with the line it came from, unless it is one of the ways in which a step ends without anybody's fault. */
  #named(error: unknown, lines: readonly Action[], at: number): unknown {
    const { signal, mesh } = this.cluster;
    const ends = [PeerLost, StaleGeneration, NonFinite, DeviceLost].some((kind) => error instanceof kind);
    if (ends || (signal.aborted && error === signal.reason)) return error;
    const text = printAction(lines[at]!, this.options.units);
    const around = aroundLine(lines, at, this.options.units);
    return new LineError(mesh.rank, at + 1, lines.length, text, around, error);
  }
}
