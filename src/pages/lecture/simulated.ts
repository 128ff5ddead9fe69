/**
 * A Feed whose tabs do not exist: the schedule simulator runs the real programs against a clock of costs. For rooms and
 * models that are not here; always marked as simulated, and it knows no loss. Every change is one new step, no timer runs.
 */
import { batch, type ReadonlySignal, signal } from '@preact/signals';
import type { Costs, SimulatedCluster } from '../../plan/costs';
import { collectiveMs } from '../../plan/links';
import { type ParallelPlan, parsePlan } from '../../plan/plan';
import { clusterOf, simulate } from '../../plan/simulate';
import type { UnitFigures } from '../../plan/sizes';
import type { TraceEvent } from '../../trace/trace';
import type { Phase, RunFile, StepMetrics } from '../tab';
import type { Feed, Proof, RankView } from './feed';
import { ringHops } from './models/hops';
import { sequencesOf, sizesOf, tokensPerStep, unitsOf } from './models/units';

/** What the simulated cluster is made of. */
export interface World {
  readonly run: RunFile;
  readonly plan: ParallelPlan;
  /** Floating point operations of one tab, per ms. */
  readonly flopsPerMs: number;
  readonly latencyMs: number;
  readonly bytesPerMs: number;
  /** Least time of a sample's pass through a whole block, by rank, ms. */
  readonly unitMs: readonly number[];
  /** Put on every link on purpose: more latency, and a cap on its rate (0: none). */
  readonly extraMs: number;
  readonly mbitPerSecond: number;
}

/** Tabs of one machine without a graphics adapter, as measured: one-way latency, rate of a link, speed of a tab. */
const DEFAULT_LINKS = { latencyMs: 0.5, bytesPerMs: 20_000, flopsPerMs: 5e6 };

const BYTES_PER_MS_OF_MBIT = 125;

export class SimulatedFeed implements Feed {
  readonly kind = 'simulated';
  readonly phase: ReadonlySignal<Phase> = signal<Phase>('training');
  readonly run;
  readonly plan;
  readonly generation = signal(0);
  readonly ranks = signal<readonly RankView[]>([]);
  readonly metrics: ReadonlySignal<readonly StepMetrics[]> = signal<readonly StepMetrics[]>([]);
  readonly newestStep = signal(-1);
  readonly proof: ReadonlySignal<Proof | null> = signal<Proof | null>(null);
  #world: World;
  #events: readonly TraceEvent[] = [];

  constructor(run: RunFile, plan = parsePlan({ dp: 4 })) {
    this.#world = { run, plan, ...DEFAULT_LINKS, unitMs: [], extraMs: 0, mbitPerSecond: 0 };
    this.run = signal<RunFile | null>(run);
    this.plan = signal<ParallelPlan | null>(plan);
    this.change({});
  }

  get world(): World {
    return this.#world;
  }

  traceOf(step: number): readonly TraceEvent[] {
    return step === this.newestStep.value ? this.#events : [];
  }

  /** Simulate the changed cluster. Throws PlanError where the plan does not fit the run. */
  change(change: Partial<World>): void {
    const world = { ...this.#world, ...change };
    const units = unitsOf(world.run, world.plan);
    const cluster = clusterOf(world.plan, units);
    const { events, stepMs } = simulate(cluster, costsOf(world, units), 2);
    batch(() => {
      this.#world = world;
      this.#events = stepOf(events, cluster, units, sequencesOf(world.run, world.plan));
      this.run.value = world.run;
      this.plan.value = world.plan;
      this.generation.value++;
      this.newestStep.value++;
      this.ranks.value = viewsOf(world, cluster, stepMs);
    });
  }
}

function costsOf(world: World, units: readonly UnitFigures[]): Costs {
  const { run, plan, flopsPerMs, unitMs, mbitPerSecond } = world;
  const cap = mbitPerSecond > 0 ? mbitPerSecond * BYTES_PER_MS_OF_MBIT : Number.POSITIVE_INFINITY;
  const links = { latencyMs: world.latencyMs + world.extraMs, bytesPerMs: Math.min(cap, world.bytesPerMs) };
  const sequences = sequencesOf(run, plan);
  return {
    passMs(op, unit, rank) {
      const { flops, kind, allReduces } = units[unit]!;
      const least = kind === 'block' ? ((unitMs[rank] ?? 0) * sequences) / plan.tp : 0;
      const exchanges = allReduces[op].map((floats) => collectiveMs(4 * sequences * floats, plan.tp, 2, links));
      return Math.max(least, (sequences * flops[op]) / flopsPerMs) + exchanges.reduce((sum, ms) => sum + ms, 0);
    },
    stepMs: (unit) => (12 * units[unit]!.paramFloats) / (plan.zero >= 1 ? plan.dp : 1) / flopsPerMs,
    sumMs: (unit) => {
      return (units[unit]!.copied ?? []).reduce((ms, floats) => ms + collectiveMs(4 * floats, plan.tp, 2, links), 0);
    },
    borderBytes: 4 * sequences * run.model.context * run.model.dim,
    links,
  };
}

/** The second step, with the hops of its collectives: the first one begins with nothing on its way. */
function stepOf(
  events: readonly TraceEvent[],
  { seats, plan }: SimulatedCluster,
  units: readonly UnitFigures[],
  sequences: number,
): readonly TraceEvent[] {
  const step = events.filter((event) => event.step === 1);
  const peers = seats.map((_, rank) => `rank${rank}`);
  const hops: TraceEvent[] = [];
  const turns = new Map<string, number>();
  for (const event of step) {
    const { mesh } = seats[event.rank]!;
    const { name, unit, mb, t0, t1 } = event;
    if (event.lane === 'net' && (name === 'REDUCE' || name === 'GATHER')) {
      const members = mesh.ranks('dp');
      if (members[0] !== event.rank || members.length < 2) continue;
      const key = `${event.rank} ${name} ${unit}`;
      const turn = (turns.get(key) ?? 0) + 1;
      turns.set(key, turn);
      const line = `${name} ${units[unit!]!.name}${turn > 1 ? ` (${turn})` : ''}`;
      const kind = name === 'GATHER' ? 'allGather' : plan.zero === 0 ? 'allReduce' : 'reduceScatter';
      hops.push(
        ...ringHops({ line, kind, members, step: 1, arrayBytes: 4 * units[unit!]!.paramFloats, t0, t1 }, peers),
      );
    } else if (name === 'F' || name === 'B' || name === 'I') {
      const members = mesh.ranks('tp');
      if (members[0] !== event.rank || members.length < 2) continue;
      const floats = units[unit!]!.allReduces[name === 'F' ? 'F' : 'I'];
      for (const [i, length] of floats.entries()) {
        const line = `${name} ${units[unit!]!.name} m${mb}/tp${i}`;
        const t = (part: number) => t1 - ((t1 - t0) * (floats.length - part)) / (2 * floats.length);
        const arrayBytes = 4 * sequences * length;
        hops.push(
          ...ringHops({ line, kind: 'allReduce', members, step: 1, arrayBytes, t0: t(i), t1: t(i + 1) }, peers),
        );
      }
    }
  }
  return [...step, ...hops].sort((a, b) => a.t0 - b.t0);
}

function viewsOf(
  { run, plan, unitMs, extraMs, mbitPerSecond }: World,
  { seats, programs }: SimulatedCluster,
  stepMs: number,
): readonly RankView[] {
  const memory = sizesOf(run).memory(plan, sequencesOf(run, plan), programs);
  const tokensPerSecond = (1000 * tokensPerStep(run)) / stepMs / plan.dp;
  return seats.map((_, rank) => ({
    rank,
    peer: `rank${rank}`,
    name: `Tab ${rank}`,
    adapter: '',
    hidden: false,
    memory: { ...memory[rank]!, staging: 0 },
    tokensPerSecond,
    links: [],
    weights: null,
    handicap: { unitMs: unitMs[rank] ?? 0, latencyMs: extraMs, mbitPerSecond },
  }));
}
