/**
 * Implements RankModel on a device: one rank's units, executor and groups for one generation. Decides nothing; combines
 * plan, model and net.
 */
import type { TuneStore } from '../../gpu/autotune';
import type { GpuDevice } from '../../gpu/device';
import type { MemoryByRole } from '../../gpu/instr';
import { Stream } from '../../gpu/stream';
import type { ModelConfig } from '../../model/config';
import { Instance } from '../../model/instance';
import { unitSizes } from '../../model/model';
import { type LinkSetting, makeGroup } from '../../net/collective/group';
import { lower, lowerForward, type Program } from '../../plan/lower';
import { type ParallelPlan, wiresOf } from '../../plan/plan';
import { replicaShares } from '../../plan/shares';
import { sequencesByReplica } from '../../plan/sizes';
import type { StageSpan } from '../../plan/stages';
import { type ProgramOf, stepPrograms } from '../../plan/steps';
import type { MicrobatchInput } from '../data/data';
import { OUTER_KINDS, type StateKind } from '../state/elements';
import type { OuterFacts, RankState, UnitArrays } from '../state/state';
import { type Cluster, Codings } from './cluster';
import { Executor, type ExecutorOptions } from './executor';
import { instanceOptions } from './instanceoptions';
import { mostSamplesOf } from './mostsamples';
import type { OuterSteps } from './outersteps';
import type { RankModel, RankSetting, Speaker } from './rankcontract';
import { residencyOf } from './residency';
import { leastMs, type UnitMs } from './slowness';

export interface RankMakerOptions {
  /** Reject a plan that needs more bytes than this on this rank (PlanError with the numbers). */
  readonly limitBytes?: number;
  readonly links?: LinkSetting;
  /** Makes the device slow on purpose; read at every line, so it may change while the rank runs. */
  readonly unitMs?: UnitMs;
  /** Measure the kernel variants before the first step and keep the results here; not on software adapters. */
  readonly tuning?: TuneStore;
  /** Whether a rank that trains alone goes ahead of the host (ahead.ts); left out: on graphics chips. */
  readonly ahead?: boolean;
}

/**
 * Returns a function that makes ranks on a device, each with its own stream. It rejects with PlanError if the plan does
 * not fit, with CapabilityError if the device cannot compute in the run's precision.
 */
export function rankMaker(
  { device }: { readonly device: GpuDevice },
  options: RankMakerOptions = {},
): (setting: RankSetting) => Promise<DeviceRank> {
  return async (setting) => {
    const { run, plan, mesh, trace } = setting;
    device.askMatmulPrecision(run.train.matmulPrecision);
    const units = unitSizes(run.model, plan.dp, { size: plan.tp, rank: mesh.coord.tp });
    const programs = stepPrograms(plan, mesh, units, run.train.steps);
    const { limitBytes } = options;
    const rows = sequencesByReplica(run.train.globalBatch, plan)[mesh.coord.dp]!;
    const limit = limitBytes === undefined ? {} : { limitBytes };
    const optionsUnder = (plan: ParallelPlan, program: Program, rows: number) => {
      const residency = residencyOf(program, plan, units);
      return { ...instanceOptions({ model: run.model, plan, coord: mesh.coord, rows, residency }), ...limit };
    };
    const wanted = optionsUnder(plan, programs(0), rows);
    if (options.tuning && !device.report.software) {
      const lists = wanted.units.flatMap((unit) => [unit.forward, unit.backwardInput, unit.backwardWeight]);
      // why late: a page loads it only where there is a graphics chip
      const { tune } = await import('../../gpu/autotune');
      await tune(device, lists, { trace, store: options.tuning, sameBits: plan.tp > 1 });
    }
    const stream = new Stream(device, trace);
    const instance = await Instance.create(stream, wanted);
    const { betas, eps, weightDecay, gradClip } = run.train;
    const cluster = await clusterOf(setting, options.links);
    const shares = replicaShares(run.train.globalBatch, plan);
    const outer = plan.outer && (await outerSteps(instance, cluster, plan.outer));
    const optimizer = { betas, eps, weightDecay, gradClip, shares, ...(outer && { outer }) };
    const leastMs = pace(rows, plan, units.length, options.unitMs);
    const isAlone = mesh.peers.length === 1 && !plan.outer;
    const goesAhead = isAlone && (options.ahead ?? !device.report.software);
    const aheadOf = goesAhead && (await aheadMaker(instance, programs, { gradClip, leastMs }));
    const all = { units, ...optimizer, leastMs, ...(aheadOf && { aheadOf }) };
    const executor = new Executor(instance, programs, cluster, all);
    const mostSamples = (other: ParallelPlan) => {
      const options = (rows: number) => optionsUnder(other, lower(other, mesh, units), rows);
      return mostSamplesOf(run.train.globalBatch, other.microbatches, options, device.report.maxBufferBytes);
    };
    return new DeviceRank(executor, run.model, lowerForward(plan, mesh, units), mostSamples);
  };
}

/** The minimum time of a line; 0 for the lines of embedding and head. */
function pace(rows: number, plan: ParallelPlan, units: number, unitMs: UnitMs = () => 0): ExecutorOptions['leastMs'] {
  return ({ op, unit }) => {
    const isBlock = unit > 0 && unit < units - 1;
    return isBlock ? leastMs(op, unitMs(), rows, plan.tp, plan.recompute) : 0;
  };
}

/** Loaded only for plans with DiLoCo, because every tab loads this file before its first step. */
async function outerSteps(...of: ConstructorParameters<typeof OuterSteps>): Promise<OuterSteps> {
  const { OuterSteps: Steps } = await import('./outersteps');
  return new Steps(...of);
}

/** Loaded only where a rank goes ahead: on graphics chips, so that software adapters load less before the first step. */
async function aheadMaker(
  instance: Instance,
  programs: ProgramOf,
  options: Pick<ExecutorOptions, 'gradClip' | 'leastMs'>,
): Promise<NonNullable<ExecutorOptions['aheadOf']>> {
  const [{ Ahead }, { GuardedStep }] = await Promise.all([import('./ahead'), import('../../model/guardedstep')]);
  const guarded = await GuardedStep.prepare(instance.stream, instance.update, instance.lossPlace);
  return (passes, clock) => new Ahead(guarded, passes, clock, programs, options);
}

async function clusterOf(
  { plan, mesh, transport, signal, trace }: RankSetting,
  links: LinkSetting | undefined,
): Promise<Cluster> {
  const options = { trace, ...(links && { links }) };
  const world = mesh.peers.map((_, rank) => rank);
  const wires = wiresOf(plan);
  const keepsLoss = plan.feedback === true;
  return {
    mesh,
    transport,
    signal,
    trace,
    codings: { reduce: await Codings.of(wires.reduce, keepsLoss), outer: await Codings.of(wires.outer, keepsLoss) },
    dp: makeGroup(transport, mesh, 'dp', mesh.ranks('dp'), signal, {
      ...options,
      ...(plan.perMachine && { perMachine: plan.perMachine }),
    }),
    tp: makeGroup(transport, mesh, 'tp', mesh.ranks('tp'), signal, options),
    world: makeGroup(transport, mesh, 'dp', world, signal, options),
  };
}

type OuterKind = (typeof OUTER_KINDS)[number];
type DeviceKind = Exclude<StateKind, OuterKind>;

/** True for what is on the host. */
const isOuter = (kind: StateKind): kind is OuterKind => (OUTER_KINDS as readonly StateKind[]).includes(kind);

export class DeviceRank implements RankModel {
  #forwards = 0;

  constructor(
    readonly executor: Executor,
    readonly model: ModelConfig,
    readonly forward: Program,
    readonly mostSamples: RankModel['mostSamples'],
  ) {}

  get #instance(): Instance {
    return this.executor.instance;
  }

  get memory(): MemoryByRole {
    // why: reads and uniforms belong to the stream, so only the device knows the bytes of staging
    return { ...this.#instance.bytes, staging: this.#instance.stream.device.memory.staging };
  }

  runStep: RankModel['runStep'] = (input) => this.executor.runStep(input);

  async losses(input: MicrobatchInput): Promise<Float32Array | null> {
    const actions = this.forward.actions.filter((line) => !('mb' in line) || line.mb === undefined || line.mb === 0);
    await this.executor.runForward(actions, [input], `eval${this.#forwards++}`);
    const head = this.#instance.units.length - 1;
    if (!this.#instance.placement.isHere(head)) return null;
    return this.#instance.stream.read(this.#instance.border(head, 'output', 0));
  }

  async logits(tokens: Uint32Array): Promise<Float32Array> {
    await this.executor.settle();
    return this.#instance.logits(tokens);
  }

  async speaker(stages: readonly StageSpan[], isCopied: boolean): Promise<Speaker> {
    // why only now: every tab loads this file before its first step
    const { openSpeaker } = await import('./speaker');
    return openSpeaker(this.executor, this.model, stages, isCopied);
  }

  async read(): Promise<RankState> {
    await this.executor.settle();
    const param = new Map<number, Float32Array>();
    const mean = new Map<number, Float32Array>();
    const square = new Map<number, Float32Array>();
    for (const unit of this.#instance.here) {
      param.set(unit, await this.#instance.stream.read(this.#instance.held(unit)));
      const moments = await this.#instance.stream.read(this.#instance.own('moment', unit));
      mean.set(unit, moments.slice(0, moments.length / 2));
      square.set(unit, moments.slice(moments.length / 2));
    }
    const now = { param, mean, square };
    return this.executor.outer?.complete(now) ?? now;
  }

  async gradients(): Promise<UnitArrays> {
    const gradients = new Map<number, Float32Array>();
    for (const unit of this.#instance.here) {
      gradients.set(unit, await this.#instance.stream.read(this.#instance.own('grad', unit)));
    }
    return gradients;
  }

  async write(state: RankState): Promise<void> {
    await this.executor.settle();
    this.executor.outer?.load(state);
    for (const unit of this.#instance.here) {
      this.#instance.stream.write(this.#instance.held(unit), state.param.get(unit)!);
      const place = this.#instance.own('moment', unit);
      const moments = new Float32Array(place.floats);
      moments.set(state.mean.get(unit)!);
      moments.set(state.square.get(unit)!, place.floats / 2);
      this.#instance.stream.write(place, moments);
    }
    await this.executor.copyTable();
  }

  async outerFacts(): Promise<OuterFacts | null> {
    return (await this.executor.outer?.facts()) ?? null;
  }

  goApart(facts: OuterFacts): void {
    this.executor.outer!.goApart(facts);
  }

  async readPart(kind: StateKind, unit: number, at: number, floats: number): Promise<Float32Array> {
    await this.executor.settle();
    if (isOuter(kind)) return this.executor.outer!.array(kind, unit).slice(at, at + floats);
    return this.#instance.stream.read(this.#part(kind, unit, at, floats));
  }

  async writePart(kind: StateKind, unit: number, at: number, values: Float32Array): Promise<void> {
    await this.executor.settle();
    if (isOuter(kind)) return this.executor.outer!.array(kind, unit).set(values, at);
    this.#instance.stream.write(this.#part(kind, unit, at, values.length), values);
    // why: written data stay in host memory until the queue has taken them
    await this.#instance.stream.device.workDone();
  }

  written(): Promise<void> {
    return this.executor.copyTable();
  }

  async bringTogether(step: number, fragments: readonly number[]): Promise<void> {
    await this.executor.bringTogether(step, fragments);
  }

  close(): void {
    this.#instance.close();
    this.#instance.stream.close();
  }

  /** The place of a part of a unit's array. In the array of moments, the squares follow the means. */
  #part(kind: DeviceKind, unit: number, at: number, floats: number) {
    const place = kind === 'param' ? this.#instance.held(unit) : this.#instance.own('moment', unit);
    return { ...place, at: place.at + at + (kind === 'square' ? place.floats / 2 : 0), floats };
  }
}
