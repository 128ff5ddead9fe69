/**
 * A simulated cluster: one step of a plan on the schedule simulator, with the events and ranks that real tabs would
 * report. Pure.
 */
import type { Costs, SimulatedCluster } from '../../../plan/costs';
import { collectiveMs, linksAmong } from '../../../plan/linkcosts';
import { BYTES_PER_MS_OF_MBIT, type Links } from '../../../plan/links';
import { coordOf } from '../../../plan/mesh';
import type { ParallelPlan } from '../../../plan/plan';
import { clusterOf, simulate } from '../../../plan/simulate';
import { sequencesByReplica, type UnitFigures } from '../../../plan/sizes';
import type { TraceEvent } from '../../../trace/trace';
import type { RunFile } from '../../tab';
import type { RankView } from '../facts/feed';
import { microbatchSamples, sizesOf, tokensPerStep, unitsOf } from '../facts/units';
import { ringHops } from '../models/traffic/hops';

/** The parameters of a simulated cluster. */
export interface World {
  readonly run: RunFile;
  readonly plan: ParallelPlan;
  /** Floating point operations per ms of one tab. */
  readonly flopsPerMs: number;
  readonly latencyMs: number;
  readonly bytesPerMs: number;
  /** Read-back before a message or collective plus upload after it; 0 when absent. */
  readonly hostMs?: number;
  /** Least time in ms of one pass of a sample through a block, by rank. */
  readonly unitMs: readonly number[];
  /** Handicaps of every link: extra latency in ms, and a cap on its rate in Mbit/s (0: no cap). */
  readonly extraMs: number;
  readonly mbitPerSecond: number;
  /** The machine of each rank and the links inside machines, which have no handicap; absent: all links are alike. */
  readonly inside?: NonNullable<Links['inside']>;
}

/** Measured on tabs of one machine without a graphics adapter: one-way latency, rate of a link, speed of a tab. */
export const DEFAULT_SPEED = { latencyMs: 0.5, bytesPerMs: 20_000, flopsPerMs: 5e6 };

function linksOf({ latencyMs, extraMs, bytesPerMs, hostMs = 0, mbitPerSecond, inside }: World): Links {
  const cap = mbitPerSecond > 0 ? mbitPerSecond * BYTES_PER_MS_OF_MBIT : Number.POSITIVE_INFINITY;
  const far = { latencyMs: latencyMs + extraMs, bytesPerMs: Math.min(cap, bytesPerMs), hostMs };
  return { ...far, ...(inside && { inside }) };
}

function costsOf(world: World, units: readonly UnitFigures[]): Costs {
  const { run, plan, flopsPerMs, unitMs } = world;
  const links = linksOf(world);
  const ofReplicas = sequencesByReplica(run.train.globalBatch, plan);
  const tpMs = (rank: number, bytes: number) => {
    const first = rank - (rank % plan.tp);
    const group = Array.from({ length: plan.tp }, (_, at) => first + at);
    return collectiveMs(bytes, plan.tp, 2, linksAmong(group, links));
  };
  return {
    passMs(op, unit, rank) {
      const { flops, kind, allReduces } = units[unit]!;
      const sequences = ofReplicas[coordOf(rank, plan).dp]!;
      const least = kind === 'block' ? ((unitMs[rank] ?? 0) * sequences) / plan.tp : 0;
      const exchanges = allReduces[op].map((floats) => tpMs(rank, 4 * sequences * floats));
      return Math.max(least, (sequences * flops[op]) / flopsPerMs) + exchanges.reduce((sum, ms) => sum + ms, 0);
    },
    stepMs: (unit) => (12 * units[unit]!.paramFloats) / (plan.zero >= 1 ? plan.dp : 1) / flopsPerMs,
    sumMs: (unit, rank) => (units[unit]!.copied ?? []).reduce((ms, floats) => ms + tpMs(rank, 4 * floats), 0),
    borderBytes: 4 * Math.max(...ofReplicas) * run.model.context * run.model.dim,
    links,
  };
}

/** The events of the second step and the hops of its collectives. The first step begins with no messages in flight. */
function stepOf(
  events: readonly TraceEvent[],
  { seats, plan }: SimulatedCluster,
  units: readonly UnitFigures[],
  sequences: number,
  links: Links,
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
      // why spread: a sum ends each part of the pass; the pass lasts as long as its computing and its sums together
      const sums = floats.map((length) => {
        return collectiveMs(4 * sequences * length, members.length, 2, linksAmong(members, links));
      });
      const computeMs = t1 - t0 - sums.reduce((total, ms) => total + ms, 0);
      let start = t0;
      for (const [i, length] of floats.entries()) {
        const line = `${name} ${units[unit!]!.name} m${mb}/tp${i}`;
        start += computeMs / floats.length;
        const times = { t0: start, t1: start + sums[i]! };
        start = times.t1;
        hops.push(
          ...ringHops(
            { line, kind: 'allReduce', members, step: 1, arrayBytes: 4 * sequences * length, ...times },
            peers,
          ),
        );
      }
    }
  }
  return [...step, ...hops].sort((a, b) => a.t0 - b.t0);
}

/** One simulated step: its events, with the hops of collectives, and its ranks. */
interface SimulatedStep {
  readonly events: readonly TraceEvent[];
  readonly ranks: readonly RankView[];
}

/** Simulate the first `steps` steps, without the hops of collectives. Throws PlanError as simulateStep does. */
export function simulateSteps(world: World, steps: number): SimulatedStep {
  const units = unitsOf(world.run, world.plan);
  const cluster = clusterOf(world.plan, units);
  const { events, stepMs } = simulate(cluster, costsOf(world, units), steps);
  return { events, ranks: viewsOf(world, cluster, stepMs) };
}

/** Simulate one step. Throws PlanError where the plan does not fit the run. */
export function simulateStep(world: World): SimulatedStep {
  const units = unitsOf(world.run, world.plan);
  const cluster = clusterOf(world.plan, units);
  const { events, stepMs } = simulate(cluster, costsOf(world, units), 2);
  return {
    events: stepOf(events, cluster, units, microbatchSamples(world.run, world.plan), linksOf(world)),
    ranks: viewsOf(world, cluster, stepMs),
  };
}

function viewsOf(
  { run, plan, unitMs, extraMs, mbitPerSecond, inside }: World,
  { seats, programs }: SimulatedCluster,
  stepMs: number,
): readonly RankView[] {
  const memory = sizesOf(run).memory(plan, sequencesByReplica(run.train.globalBatch, plan), programs);
  const tokensPerSecond = (1000 * tokensPerStep(run)) / stepMs / plan.dp;
  return seats.map((_, rank) => ({
    rank,
    peer: `rank${rank}`,
    name: `Tab ${rank}`,
    adapter: '',
    hidden: false,
    ...(inside && { machine: inside.machines[rank]! }),
    memory: { ...memory[rank]!, staging: 0 },
    tokensPerSecond,
    links: [],
    weights: null,
    handicap: { unitMs: unitMs[rank] ?? 0, latencyMs: extraMs, mbitPerSecond },
  }));
}
