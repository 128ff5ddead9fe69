/**
 * n ranks in one process: real plans, executors and groups over memory transports with random latency, all on one
 * device. What a test compares is in `ClusterRun`.
 */
import type { GpuDevice } from '../../src/gpu/device';
import type { MemoryByRole } from '../../src/gpu/instr';
import type { Transport } from '../../src/net/wire/transport';
import { type Mesh, makeMesh } from '../../src/plan/mesh';
import { Trace, type TraceEvent } from '../../src/trace/trace';
import { batchOf, type Samples, samplesOf, targetsOf } from '../../src/train/data/data';
import type { Tokens } from '../../src/train/data/tokens';
import { type DeviceRank, rankMaker } from '../../src/train/rank/rankmodel';
import type { RunFile } from '../../src/train/runfile';
import { type Holding, holdingOf, type Part, wholeModel } from '../../src/train/state/holding';
import { emptyState, type RankState, type UnitArrays } from '../../src/train/state/state';
import { learningRate } from '../../src/train/trainer/given/learningrate';
import { type MemoryTransport, memoryTransports } from './memory';

export interface ClusterRun {
  readonly losses: readonly number[];
  readonly gradNorms: readonly number[];
  /** Mean gradient of the first step, whole model by address; empty with DiLoCo and adapters. */
  readonly firstGradient: Float32Array;
  /** After the last step, whole model by address; equal on all ranks that hold an element, or `run` threw. */
  readonly weights: Float32Array<ArrayBuffer>;
  readonly ranks: readonly {
    readonly memory: MemoryByRole;
    /** Of the last step, all links. */
    readonly bytesSent: number;
    /** Of the last step, all ranks together. */
    readonly submits: number;
    readonly dispatches: number;
    readonly trace: readonly TraceEvent[];
  }[];
}

export interface ClusterOptions {
  /** Whole model by address. */
  readonly init: Float32Array;
  readonly text: Tokens;
  /** Left out: those of a text without marks. */
  readonly samples?: Samples;
  readonly steps: number;
  /** Messages take up to this long, drawn from `seed`. */
  readonly jitterMs?: number;
  readonly seed?: number;
  /** Wraps the transport of a rank; `trace` is that rank's. */
  readonly between?: (transport: Transport, trace: Trace) => Transport;
}

interface Member {
  readonly rank: DeviceRank;
  readonly mesh: Mesh;
  readonly holding: Holding;
  readonly transport: MemoryTransport;
  readonly trace: TraceEvent[];
}

/** Train `run.plan` on as many ranks as it asks for. */
export async function trainCluster(device: GpuDevice, run: RunFile, options: ClusterOptions): Promise<ClusterRun> {
  const { dp, pp, tp } = run.plan;
  const transports = memoryTransports(dp * pp * tp, { jitterMs: options.jitterMs ?? 2, seed: options.seed ?? 1 });
  const members = await Promise.all(transports.map((_, i) => join(device, run, transports, i, options)));
  try {
    await all(members, ({ rank, holding }) => rank.write(stateFrom(options.init, holding)));
    return await train(device, run, members, options);
  } finally {
    for (const { rank, transport } of members) {
      rank.close();
      transport.close();
    }
  }
}

async function join(
  device: GpuDevice,
  run: RunFile,
  transports: readonly MemoryTransport[],
  index: number,
  { between = (transport) => transport }: ClusterOptions,
): Promise<Member> {
  const peers = transports.map(({ self }) => self);
  const mesh = makeMesh(1, peers, index, run.plan);
  const events = new Trace();
  const trace: TraceEvent[] = [];
  events.rank = index;
  events.subscribe((event) => trace.push(event));
  const { signal } = new AbortController();
  const transport = transports[index]!;
  const links = between(transport, events);
  const rank = await rankMaker({ device })({ run, plan: run.plan, mesh, transport: links, signal, trace: events });
  return { rank, mesh, holding: holdingOf(run.model, run.plan, mesh), transport, trace };
}

async function train(device: GpuDevice, run: RunFile, members: readonly Member[], options: ClusterOptions) {
  const { globalBatch, steps, seed } = run.train;
  const { context } = run.model;
  const order = { order: run.data.order, seed, context, globalBatch, steps };
  const samples = options.samples ?? samplesOf(options.text, order);
  const losses: number[] = [];
  const gradNorms: number[] = [];
  let firstGradient = new Float32Array(0);
  let sent: number[] = [];
  let [submits, dispatches] = [0, 0];
  for (let step = 0; step < options.steps; step++) {
    const before = members.map(({ transport }) => bytesOf(transport));
    const counted = { ...device.counters };
    const outcomes = await all(members, ({ rank, mesh, holding: _ }) => {
      const microbatches = batchOf(samples, step, { ...run.plan, globalBatch, d: mesh.coord.dp });
      const targets = targetsOf(samples, step, { ...run.plan, globalBatch });
      return rank.runStep({ step, lr: learningRate(run.train, step), microbatches, targets, vote: () => [mesh.rank] });
    });
    for (const { loss, gradNorm, votes } of outcomes) {
      if (loss !== outcomes[0]!.loss || gradNorm !== outcomes[0]!.gradNorm)
        throw new Error('ranks disagree on the loss');
      if (votes.flat().join() !== members.map((_, i) => i).join()) throw new Error(`votes ${votes.flat().join()}`);
    }
    losses.push(outcomes[0]!.loss);
    gradNorms.push(outcomes[0]!.gradNorm);
    // why not with DiLoCo and adapters: replicas have gradients of their own, frozen parameters have none
    if (step === 0 && !run.plan.outer && !run.model.lora) firstGradient = await gradientOf(run, members, samples);
    await all(members, async ({ rank }) => {
      await rank.executor.settle();
      // why: reads end in order, so after this one the tied table is on its way to its reader
      await rank.executor.instance.stream.read(rank.executor.instance.update.sumsqPlaces(false)[0]!.place);
    });
    sent = members.map(({ transport }, i) => bytesOf(transport) - before[i]!);
    submits = device.counters.submits - counted.submits;
    dispatches = device.counters.dispatches - counted.dispatches;
  }
  const states = await all(members, ({ rank }) => rank.read());
  const weights = merge(
    run,
    members,
    states.map(({ param }) => param),
    ({ param }) => param,
  );
  const ranks = members.map(({ rank, trace }, i) => {
    return { memory: rank.memory, bytesSent: sent[i]!, submits, dispatches, trace };
  });
  return { losses, gradNorms, firstGradient, weights, ranks };
}

/** The reduced gradients of the first step on the devices, divided by the targets of the global batch. */
async function gradientOf(run: RunFile, members: readonly Member[], samples: Samples) {
  const { globalBatch } = run.train;
  const tokens = targetsOf(samples, 0, { dp: 1, globalBatch })[0]!;
  const arrays = await all(members, async ({ rank }): Promise<UnitArrays> => {
    const sums = await rank.gradients();
    return new Map([...sums].map(([unit, grad]) => [unit, grad.map((value) => value / tokens)]));
  });
  // why: moments are sharded like the gradients that STEP reads
  return merge(run, members, arrays, ({ moment }) => moment);
}

/** Merges the ranks' arrays into one whole model; throws if two ranks hold different bits of one element. */
function merge(
  run: RunFile,
  members: readonly Member[],
  arrays: readonly UnitArrays[],
  part: (holding: Holding) => Part,
): Float32Array<ArrayBuffer> {
  const params = wholeModel(run.model);
  const end = params.at(-1)!;
  const whole = new Float32Array(end.at + end.floats).fill(Number.NaN);
  for (const [i, { holding }] of members.entries()) {
    for (const { unit, local, at, floats } of part(holding).spans) {
      const mine = arrays[i]!.get(unit)!.subarray(local, local + floats);
      const known = whole.subarray(at, at + floats);
      for (let k = 0; k < floats; k++) {
        if (Number.isNaN(known[k]!)) known[k] = mine[k]!;
        else if (!Object.is(known[k], mine[k])) {
          const { unitName, name } = params.findLast((param) => param.at <= at + k)!;
          throw new Error(`rank ${i} has ${mine[k]} and another ${known[k]} in ${unitName}/${name}`);
        }
      }
    }
  }
  if (whole.some(Number.isNaN)) throw new Error('an element of the model is nowhere, or not a number');
  return whole;
}

/** A rank state with the parameters of a whole model (by address) and zero moments. */
export function stateFrom(whole: Float32Array, holding: Holding): RankState {
  const state = emptyState(holding);
  for (const { unit, local, at, floats } of holding.param.spans) {
    state.param.get(unit)!.set(whole.subarray(at, at + floats), local);
  }
  return state;
}

/** Waits for every rank's promise, then throws the first failure. */
async function all<T>(members: readonly Member[], work: (member: Member) => Promise<T>): Promise<T[]> {
  const results = members.map(work);
  return Promise.all(results);
}

function bytesOf(transport: MemoryTransport): number {
  return transport.stats().reduce((total, { bytesSent }) => total + bytesSent, 0);
}
