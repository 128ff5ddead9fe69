/**
 * Recommends a plan: simulates every candidate's program with measured costs, asks the model for its memory, and
 * recommends the fastest plan that fits, with one sentence why. Only predicts; starts nothing.
 */
import { PlanError } from '../errors';
import { candidatePlans, thriftierPlans } from './candidates';
import type { Costs } from './costs';
import { betweenGroups, collectiveBytes, collectiveMs, linksAmong, ranksOf, reordered } from './linkcosts';
import type { Links } from './links';
import { sharersOf } from './machines';
import { bestOfEach, byMerit } from './merit';
import type { Action, ParallelPlan } from './plan';
import type { Device, Prediction } from './prediction';
import { isRunnable, type RunFacts } from './rules';
import { seatByMachine } from './seating';
import { clusterOf, programsOf } from './simulate';
import {
  type ModelSizes,
  type PassOp,
  type PlannedMemory,
  sequencesByReplica,
  totalOf,
  type UnitFigures,
} from './sizes';
import { steadyState } from './steady';
import { fitToSpeeds } from './unequal';
import { whyThis } from './why';

export interface Workload {
  readonly model: ModelSizes;
  readonly globalBatch: number;
}

export interface Recommendation {
  /** Plans that fit, fastest first, then plans that do not fit. */
  readonly ranked: readonly Prediction[];
  /** The same run on the fastest device alone. */
  readonly alone: Prediction;
  /** One sentence: why the first of `ranked` is recommended. */
  readonly why: string;
}

/** A device of which only the speed is known: a pass takes its floating point operations over that speed. */
export function deviceOfSpeed(model: ModelSizes, flopsPerMs: number, memoryBytes: number): Device {
  const units = model.units(1, 1);
  const [embed, block] = units;
  const head = units.at(-1)!;
  const ms = ({ flops }: UnitFigures) => ({
    F: flops.F / flopsPerMs,
    I: flops.I / flopsPerMs,
    W: flops.W / flopsPerMs,
  });
  return {
    passMs: { embed: ms(embed!), block: ms(block!), head: ms(head) },
    launchMs: 0,
    stepMsPerMillion: (12 * 1e6) / flopsPerMs,
    memoryBytes,
  };
}

/**
 * Predicts and ranks the plans for `devices` (index = rank). Only plans for which `isAsked` is true are predicted.
 * Throws PlanError when no plan can run on this number of devices.
 */
export function recommend(
  workload: Workload,
  devices: readonly Device[],
  links: Links,
  isAsked?: (plan: ParallelPlan) => boolean,
): Recommendation {
  return drained(recommending(workload, devices, links, isAsked));
}

/** As `recommend`, in pieces: pauses after each predicted plan, so that the caller can do other things in between. */
export function* recommending(
  workload: Workload,
  devices: readonly Device[],
  links: Links,
  isAsked: (plan: ParallelPlan) => boolean = () => true,
): Generator<undefined, Recommendation> {
  const { globalBatch } = workload;
  const facts = factsOf(workload, devices.length);
  const predictions = yield* predictAll(candidatePlans(facts), workload, devices, links, isAsked);
  if (predictions.length === 0) {
    throw new PlanError(
      `no plan runs ${globalBatch} sequences a step on ${devices.length} ranks; raise train.globalBatch or take fewer ranks`,
    );
  }
  const ranked = bestOfEach(predictions).sort(byMerit);
  const fastest = devices.reduce((best, device) => (device.passMs.block.F < best.passMs.block.F ? device : best));
  const single = yield* predictAll(candidatePlans({ ...facts, ranks: 1 }), workload, [fastest], links);
  const alone = single.sort(byMerit)[0]!;
  const ddp = ranked.find(({ plan }) => plan.dp === devices.length && plan.zero === 0);
  return { ranked, alone, why: whyThis(ranked[0]!, ddp, alone, devices) };
}

/** The result of work in pieces, with no pause between them. */
export function drained<T>(work: Generator<undefined, T>): T {
  for (;;) {
    const { done, value } = work.next();
    if (done) return value;
  }
}

function factsOf({ model, globalBatch }: Workload, ranks: number): RunFacts {
  return { ...model.shape, ranks, globalBatch };
}

/** Ranks of each machine, where there are several machines with equally many of at least two; else undefined. */
function equallyMany({ inside }: Links): number | undefined {
  if (!inside) return undefined;
  const counts = [...new Set(inside.machines)].map((one) => inside.machines.filter((other) => other === one).length);
  const [count] = counts;
  return count! > 1 && counts.length > 1 && counts.every((one) => one === count) ? count : undefined;
}

/** The devices while all ranks of their machines compute. */
function busyDevices(devices: readonly Device[]): readonly Device[] {
  const sharers = sharersOf(devices);
  return devices.map((device, rank) => slowedBy(sharers[rank]!, device));
}

function slowedBy(sharers: number, device: Device): Device {
  const slow = ({ F, I, W }: Record<PassOp, number>) => ({ F: sharers * F, I: sharers * I, W: sharers * W });
  const { embed, block, head } = device.passMs;
  return {
    ...device,
    passMs: { embed: slow(embed), block: slow(block), head: slow(head) },
    launchMs: sharers * device.launchMs,
    stepMsPerMillion: sharers * device.stepMsPerMillion,
  };
}

/**
 * Each plan is also tried with shares and stages by the devices' speed, if these differ, and whole replicas with sums
 * that are taken inside machines first, if each has equally many. Recompute is tried only where
 * a plan does not fit without: it costs a forward per backward. More microbatches than usual only where nothing fits.
 */
function* predictAll(
  plans: readonly ParallelPlan[],
  workload: Workload,
  devices: readonly Device[],
  links: Links,
  isAsked: (plan: ParallelPlan) => boolean = () => true,
): Generator<undefined, Prediction[]> {
  const predicted = (plan: ParallelPlan) => predict(plan, workload, devices, links);
  const predictions: Prediction[] = [];
  for (const plan of plans.filter(isAsked)) {
    const unequal = fitToSpeeds(plan, workload.model, workload.globalBatch, busyDevices(devices));
    const perMachine = equallyMany(links);
    const inMachines = { ...plan, ...(perMachine && { perMachine }) };
    const isRunning = perMachine !== undefined && isRunnable(inMachines, factsOf(workload, devices.length));
    const forms = [...new Set([unequal, plan, ...(isRunning ? [inMachines] : [])])];
    const [prediction] = forms.map(predicted).sort(byMerit) as [Prediction];
    predictions.push(prediction.fits ? prediction : predicted({ ...prediction.plan, recompute: true }));
    yield;
  }
  const { model, globalBatch } = workload;
  const fits = (plan: ParallelPlan) => {
    if (!isAsked(plan)) return false;
    const programs = programsOf({ ...plan, tp: 1 }, model.units(plan.dp, plan.tp));
    const footprints = model.memory(plan, sequencesByReplica(globalBatch, plan), programs);
    return fitsIn(footprints, seated(plan, devices, links).devices);
  };
  for (const { plan } of bestOfEach(predictions).filter((one) => !one.fits)) {
    const thriftier = thriftierPlans(plan, factsOf(workload, devices.length), fits);
    predictions.push(...thriftier.map(predicted));
    yield;
  }
  return predictions;
}

const fitsIn = (footprints: readonly PlannedMemory[], devices: readonly Device[]): boolean =>
  footprints.every((one, rank) => totalOf(one) <= devices[rank]!.memoryBytes);

/** With near links, `devices` (index = rank before) take the ranks that a room gives to peers of their machines. */
export function predict(
  plan: ParallelPlan,
  { model, globalBatch }: Workload,
  given: readonly Device[],
  allLinks: Links,
): Prediction {
  const { devices, links } = seated(plan, given, allLinks);
  const units = model.units(plan.dp, plan.tp);
  const ofReplicas = sequencesByReplica(globalBatch, plan);
  // why: the ranks of a tp group run in lockstep, so one rank of each group is simulated, as slow as the slowest
  const cluster = clusterOf({ ...plan, tp: 1 }, units);
  const busy = busyDevices(devices);
  const sequences = cluster.seats.map(({ mesh }) => ofReplicas[mesh.coord.dp]!);
  const groups = cluster.seats.map((_, rank) => busy.slice(rank * plan.tp, (rank + 1) * plan.tp));
  const costs = costsOf(plan, model, sequences, groups, links);
  const { stepMs, busyMs, bytesSent } = steadyState(cluster, costs, groups);
  const footprints = model.memory(plan, ofReplicas, cluster.programs);
  const memory = footprints.reduce((most, one) => (totalOf(one) > totalOf(most) ? one : most));
  const bytes = bytesSent.map((sent, rank) => {
    return sent + tensorBytes(cluster.seats[rank]!.actions, units, plan.tp, sequences[rank]!);
  });
  return {
    plan,
    stepMs,
    busyMs: Math.min(stepMs, busyMs),
    bytesPerStep: Math.max(...bytes),
    memory,
    memoryBytes: totalOf(memory),
    fits: fitsIn(footprints, devices),
  };
}

/** Devices and links in the order of ranks. */
function seated(plan: ParallelPlan, devices: readonly Device[], links: Links) {
  const { inside } = links;
  if (!inside) return { devices, links };
  const machineOf = (index: string) => inside.machines[Number(index)];
  const order = seatByMachine([...devices.keys()].map(String), plan, machineOf).map(Number);
  return { devices: order.map((index) => devices[index]!), links: reordered(links, order) };
}

/** Bytes a rank sends over tp in a step. */
function tensorBytes(actions: readonly Action[], units: readonly UnitFigures[], tp: number, sequences: number): number {
  const ofLine = (line: Action): number => {
    if (line.op === 'SUM') return collectiveBytes(4 * sum(units[line.unit]!.copied!), tp, 2);
    if (line.op !== 'F' && line.op !== 'I' && line.op !== 'B') return 0;
    const floats = units[line.unit]!.allReduces[line.op === 'F' ? 'F' : 'I'];
    return collectiveBytes(4 * sequences * sum(floats), tp, 2);
  };
  return sum(actions.map(ofLine));
}

/** By simulated rank: `sequences` of a microbatch, and `groups`, the devices of its tp group. */
function costsOf(
  plan: ParallelPlan,
  model: ModelSizes,
  sequences: readonly number[],
  groups: readonly (readonly Device[])[],
  links: Links,
): Costs {
  const units = model.units(plan.dp, plan.tp);
  const whole = model.units(plan.dp, 1);
  const near = groups.map((_, rank) => linksAmong(ranksOf(rank, plan.tp), links));
  const slowest = (rank: number, ms: (device: Device) => number) => Math.max(...groups[rank]!.map(ms));
  const pass = (op: PassOp, unit: number, rank: number): number => {
    const { kind, flops, allReduces } = units[unit]!;
    const share = whole[unit]!.flops[op] > 0 ? flops[op] / whole[unit]!.flops[op] : 1;
    const computeMs = slowest(rank, ({ launchMs, passMs }) => launchMs + sequences[rank]! * passMs[kind][op] * share);
    return (
      computeMs +
      sum(allReduces[op].map((floats) => collectiveMs(4 * sequences[rank]! * floats, plan.tp, 2, near[rank]!)))
    );
  };
  const parts = plan.zero >= 1 ? plan.dp : 1;
  return {
    // why: with recompute every backward begins with the unit's forward
    passMs: (op, unit, rank) => pass(op, unit, rank) + (plan.recompute && op === 'I' ? pass('F', unit, rank) : 0),
    stepMs: (unit, rank) => {
      return slowest(rank, ({ stepMsPerMillion }) => (units[unit]!.paramFloats / parts / 1e6) * stepMsPerMillion);
    },
    sumMs: (unit, rank) =>
      sum((units[unit]!.copied ?? []).map((floats) => collectiveMs(4 * floats, plan.tp, 2, near[rank]!))),
    borderBytes: 4 * Math.max(...sequences) * model.shape.context * model.shape.dim,
    links: betweenGroups(links, groups.length, plan.tp),
  };
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}
