/**
 * Chooses the moment that scenes draw: the present measurement of the requested plan, else an earlier one of that plan,
 * else the simulator's step of it for this room. So a scene is never empty while a room changes its plan.
 */
import { PlanError } from '../../../errors';
import type { ParallelPlan } from '../../../plan/plan';
import { seatByMachine } from '../../../plan/seating';
import { NO_HANDICAP } from '../../../worker/watch/telemetry';
import type { RunFile } from '../../tab';
import type { Handicap, RankView } from '../facts/feed';
import { isOfBefore, type Moment, type StagedMoment } from '../facts/moment';
import { DEFAULT_SPEED, simulateStep, simulateSteps, type World } from '../feeds/world';
import { type Calibration, calibrate, typical } from '../models/choice/calibrate';
import { haveMachines } from '../models/choice/plans';
import { cutOf } from '../models/digest';
import { partlyMeasured } from '../models/time/partly';

/** Number of measurements kept, one per plan and handicap; the oldest is dropped first. */
const MAX_KEPT = 24;
/** Number of steps that the room's speed is the median of. */
const CALIBRATIONS = 15;

interface Kept {
  readonly moment: Moment;
  readonly takenMs: number;
}

export class Stage {
  readonly #kept = new Map<string, Kept>();
  #known: Calibration | undefined;
  /** Of the newest steps under these handicaps, oldest first. */
  #calibrations: { readonly events: Moment['events']; readonly under: string; readonly found: Calibration }[] = [];
  #slowness: Slowness = [];
  #expected: { readonly key: string; readonly moment: Moment } | undefined;

  /** `wanted`: the requested plan, null for the running one. `nowMs`: milliseconds since the epoch. */
  of(moment: Moment, wanted: ParallelPlan | null, nowMs: number): StagedMoment {
    if (moment.kind !== 'live') return { ...moment, source: 'now', takenMs: nowMs };
    if (moment.step >= 0) this.#slowness = slownessOf(moment.ranks);
    if (moment.step >= 0 && !isOfBefore(moment)) this.#keep(moment, nowMs);
    const plan = wanted ?? moment.plan;
    if (!plan || !moment.run) return { ...moment, source: 'expected' };
    const isRunning = moment.plan !== null && cutOf(moment.plan) === cutOf(plan);
    if (isRunning && moment.step >= 0) return { ...moment, source: 'now', takenMs: nowMs };
    const kept = this.#kept.get(keyOf(plan, this.#slowness));
    if (kept) {
      const { step, events, ranks, since, alikeSince } = kept.moment;
      return { ...moment, plan, step, events, ranks, since, alikeSince, source: 'before', takenMs: kept.takenMs };
    }
    const expected = this.#expect(moment, plan, moment.run);
    const measured = isRunning ? moment.early : [];
    if (measured.length === 0) return { ...expected, source: 'expected' };
    return { ...expected, events: partlyMeasured(expected.events, measured), source: 'part', measured };
  }

  /**
   * One step of `plan` (or its first `steps`) on the simulator for this room, with `change` of its handicap; null before
   * there is a run, or where the plan cannot run. `machines`: of each rank, those of the room if absent.
   */
  imagine(
    moment: Moment,
    plan: ParallelPlan,
    change: Partial<Handicap>,
    steps: number,
    machines = machinesOf(moment.ranks),
  ): Moment | null {
    if (!moment.run) return null;
    const slowness = slownessOf(moment.ranks).map((handicap) => ({ ...handicap, ...change }));
    const all = slowness.length > 0 ? slowness : [{ ...NO_HANDICAP, ...change }];
    const imagined = expectedOf(moment, plan, moment.run, all, this.#known, machines, steps);
    // why without metrics: those of the moment belong to the plan that really runs
    return imagined.events.length > 0 ? { ...imagined, metrics: [] } : null;
  }

  #keep(moment: Moment, nowMs: number): void {
    this.#calibrate(moment);
    const key = keyOf(moment.plan!, this.#slowness);
    const known = this.#kept.get(key);
    this.#kept.delete(key);
    this.#kept.set(key, known?.moment.events === moment.events ? known : { moment, takenMs: nowMs });
    if (this.#kept.size > MAX_KEPT) this.#kept.delete(this.#kept.keys().next().value!);
  }

  #calibrate(moment: Moment): void {
    const { events } = moment;
    const under = JSON.stringify(this.#slowness);
    const before = this.#calibrations.filter((one) => one.under === under);
    if (before.at(-1)?.events === events) return;
    const found = calibrate(moment, this.#known?.links.hostMs);
    if (!found) return;
    this.#calibrations = [...before, { events, under, found }].slice(-CALIBRATIONS);
    this.#known = typical(this.#calibrations.map((one) => one.found));
  }

  #expect(moment: Moment, plan: ParallelPlan, run: RunFile): Moment {
    const slowness = moment.ranks.length > 0 ? slownessOf(moment.ranks) : this.#slowness;
    const machines = machinesOf(moment.ranks);
    const key = JSON.stringify([cutOf(plan), run, slowness, this.#known, machines]);
    if (this.#expected?.key !== key)
      this.#expected = { key, moment: expectedOf(moment, plan, run, slowness, this.#known, machines) };
    const { step, events, ranks } = this.#expected.moment;
    return { ...moment, plan, step, events, ranks };
  }
}

/** By rank: how slow tabs are on purpose; a single one where all have the same, whatever their number. */
type Slowness = readonly Handicap[];

function slownessOf(ranks: readonly RankView[]): Slowness {
  const all = ranks.map(({ handicap }) => handicap);
  return new Set(all.map((one) => JSON.stringify(one))).size === 1 ? all.slice(0, 1) : all;
}

/** The key of a measurement: its plan and the handicaps of the tabs. */
const keyOf = (plan: ParallelPlan, slowness: Slowness): string => `${cutOf(plan)} ${JSON.stringify(slowness)}`;

/** By rank, the machines of a room with several whose machines are all known; else empty: then all links are alike. */
function machinesOf(ranks: readonly RankView[]): readonly string[] {
  const machines = ranks.map(({ machine }) => machine);
  return haveMachines(machines) ? (machines as string[]) : [];
}

/** The machine of each rank of `plan`, seated as a room does. */
function seatedOn(plan: ParallelPlan, machines: readonly string[]): readonly string[] {
  const machineOf = (index: string) => machines[Number(index)];
  return seatByMachine([...machines.keys()].map(String), plan, machineOf).map((index) => machineOf(index)!);
}

/** One step of `plan` on the simulator with the last measured speed; no events where the plan cannot run. */
function expectedOf(
  moment: Moment,
  plan: ParallelPlan,
  run: RunFile,
  slowness: Slowness,
  known: Calibration | undefined,
  machines: readonly string[],
  steps = 1,
): Moment {
  const size = plan.dp * plan.pp * plan.tp;
  const { links, flopsPerMs, near }: Calibration = known ?? {
    links: DEFAULT_SPEED,
    flopsPerMs: DEFAULT_SPEED.flopsPerMs,
  };
  const seated = machines.length === size ? seatedOn(plan, machines) : undefined;
  const { latencyMs, mbitPerSecond } = slowness[0] ?? NO_HANDICAP;
  const world: World = {
    run,
    plan,
    flopsPerMs,
    latencyMs: Math.max(0, links.latencyMs - latencyMs),
    bytesPerMs: links.bytesPerMs,
    hostMs: links.hostMs ?? 0,
    unitMs: Array.from({ length: size }, (_, rank) => (slowness[rank] ?? slowness[0] ?? NO_HANDICAP).unitMs),
    extraMs: latencyMs,
    mbitPerSecond,
    ...(seated && { inside: { machines: seated, links: near ?? DEFAULT_SPEED } }),
  };
  try {
    return { ...moment, plan, step: moment.since, ...(steps > 1 ? simulateSteps(world, steps) : simulateStep(world)) };
  } catch (error) {
    if (!(error instanceof PlanError)) throw error;
    return { ...moment, plan, step: -1, events: [] };
  }
}
