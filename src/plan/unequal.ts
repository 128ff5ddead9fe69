/**
 * Fits a plan to devices of unequal speed: slower replicas get smaller shares of the batch, slower ranks of a pipeline
 * fewer units. The numbers of the run stay the same. Pure.
 */
import { PlanError } from '../errors';
import { bestShares, type ReplicaSpeed } from './bestshares';
import type { ParallelPlan } from './plan';
import type { Device } from './prediction';
import { programsOf } from './simulate';
import { type ModelSizes, totalOf, type UnitFigures } from './sizes';
import { cutUnits, stageCoord, stageCount, stageSpans } from './stages';

/** Devices whose speeds differ by less than this are taken as equally fast. */
const UNEQUAL = 1.2;

/**
 * `plan` with shares and stages by the speed of `devices` (index = rank) and under the memory of each; `plan` itself if
 * they are about equally fast, or if no shares fit.
 */
export function fitToSpeeds(
  plan: ParallelPlan,
  model: ModelSizes,
  globalBatch: number,
  devices: readonly Device[],
): ParallelPlan {
  const blockMs = devices.map(({ passMs: { block } }) => block.F + block.I + block.W);
  if (Math.max(...blockMs) < UNEQUAL * Math.min(...blockMs)) return plan;
  const units = model.units(plan.dp, plan.tp);
  const cut = plan.pp > 1 ? { ...plan, stageUnits: stageUnitsOf(plan, units, devices) } : plan;
  if (plan.dp === 1) return cut;
  try {
    const replicas = replicaSpeeds(cut, units, devices);
    const most = mostSamples(cut, model, globalBatch, devices);
    const shares = bestShares(
      globalBatch,
      replicas.map((replica, d) => ({ ...replica, mostSamples: most[d]! })),
      plan.microbatches,
    );
    return { ...cut, shares };
  } catch (error) {
    if (error instanceof PlanError) return cut;
    throw error;
  }
}

/** Milliseconds of all passes of one sample through a unit, on one of `tp` ranks. */
function unitMs({ kind }: UnitFigures, { passMs }: Device, tp: number): number {
  const { F, I, W } = passMs[kind];
  return (F + I + W) / tp;
}

/** The devices at pipeline coordinate `p` of a replica. */
function devicesAt(plan: ParallelPlan, d: number, p: number, devices: readonly Device[]): readonly Device[] {
  const first = (d * plan.pp + p) * plan.tp;
  return devices.slice(first, first + plan.tp);
}

/** Units by stage. A stage is as slow as its slowest device in any replica, since all replicas have the same stages. */
function stageUnitsOf(plan: ParallelPlan, units: readonly UnitFigures[], devices: readonly Device[]): number[] {
  const replicas = Array.from({ length: plan.dp }, (_, d) => d);
  const spans = cutUnits(units, stageCount(plan), (unit, stage) => {
    const here = replicas.flatMap((d) => devicesAt(plan, d, stageCoord(plan, stage), devices));
    return Math.max(...here.map((device) => unitMs(unit, device, plan.tp)));
  });
  return spans.map(({ first, last }) => last - first + 1);
}

/** A replica is as slow as the slowest of its ranks. */
function replicaSpeeds(
  plan: ParallelPlan,
  units: readonly UnitFigures[],
  devices: readonly Device[],
): readonly Pick<ReplicaSpeed, 'sampleMs' | 'fixedMs'>[] {
  const spans = stageSpans(plan, units);
  const unitsAt = (p: number) =>
    units.filter((_, unit) => stageCoord(plan, spans.find(({ last }) => unit <= last)!.stage) === p);
  return Array.from({ length: plan.dp }, (_, d) => {
    const ranks = Array.from({ length: plan.pp }, (_, p) => {
      return devicesAt(plan, d, p, devices).map((device) => ({
        sampleMs: unitsAt(p).reduce((sum, unit) => sum + unitMs(unit, device, plan.tp), 0),
        fixedMs: 3 * unitsAt(p).length * plan.microbatches * device.launchMs,
      }));
    }).flat();
    return ranks.reduce((slowest, one) => (one.sampleMs > slowest.sampleMs ? one : slowest));
  });
}

/** By replica: the most samples of a step that the memory of each of its devices holds, `globalBatch` at most. */
function mostSamples(
  plan: ParallelPlan,
  model: ModelSizes,
  globalBatch: number,
  devices: readonly Device[],
): readonly number[] {
  const programs = programsOf(plan, model.units(plan.dp, plan.tp));
  const ranks = plan.pp * plan.tp;
  const fits = (d: number, sequences: number) => {
    const memory = model.memory(plan, Array<number>(plan.dp).fill(sequences), programs);
    const mine = memory.slice(d * ranks, (d + 1) * ranks);
    return mine.every((one, at) => totalOf(one) <= devices[d * ranks + at]!.memoryBytes);
  };
  return Array.from({ length: plan.dp }, (_, d) => {
    let [low, high] = [0, Math.ceil(globalBatch / plan.microbatches)];
    if (fits(d, high)) return globalBatch;
    while (low + 1 < high) {
      const middle = Math.floor((low + high) / 2);
      if (fits(d, middle)) low = middle;
      else high = middle;
    }
    return low * plan.microbatches;
  });
}
