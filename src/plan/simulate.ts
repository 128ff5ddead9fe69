/**
 * Runs the programs of all ranks on a simulated clock instead of devices and links. Gives the same trace events as a
 * run, and detects programs that wait for each other. Every rank computes one line at a time, with sends and
 * collectives beside it. As in the executor, the messages of one link run one after the other, and so do the
 * collectives of one rank.
 */
import { PlanError } from '../errors';
import type { TraceEvent } from '../trace/trace';
import type { Costs, SimulatedCluster } from './costs';
import { lower, type Program } from './lower';
import { makeMesh, rankOf } from './mesh';
import type { ParallelPlan, UnitSize } from './plan';
import { SimulatedRank } from './simulatedrank';
import { Run } from './simulatedrun';
import { stepPrograms } from './steps';

interface RankReport {
  /** Time in compute lines. */
  readonly busyMs: number;
  /** From the rank's first compute line to the end of its last. */
  readonly spanMs: number;
  readonly bytesSent: number;
  /** SEND and TIE messages; collectives are not counted. */
  readonly messagesSent: number;
  /** The most (unit, microbatch) pairs between F and B or W at once. */
  readonly peakUnits: number;
}

interface Simulation {
  readonly events: readonly TraceEvent[];
  /** From 0 to the end of the last compute line. */
  readonly makespanMs: number;
  /** Steady state time between commits: between the last two NORMs, or the makespan of a single step. */
  readonly stepMs: number;
  /** End of each step's NORM. */
  readonly commitsMs: readonly number[];
  /** Idle share of the ranks between 0 and the makespan. */
  readonly bubble: number;
  readonly ranks: readonly RankReport[];
}

/** Programs by pipeline coordinate. The other coordinates of a rank do not change its program. */
export function programsOf(plan: ParallelPlan, units: readonly UnitSize[]): readonly Program[] {
  const peers = namesOf(plan);
  return Array.from({ length: plan.pp }, (_, pp) => {
    return lower(plan, makeMesh(1, peers, rankOf({ dp: 0, pp, tp: 0 }, plan), plan), units);
  });
}

export function clusterOf(plan: ParallelPlan, units: readonly UnitSize[]): SimulatedCluster {
  const peers = namesOf(plan);
  const programs = programsOf(plan, units);
  const seats = peers.map((_, rank) => {
    const mesh = makeMesh(1, peers, rank, plan);
    const seat = { mesh, ...programs[mesh.coord.pp]! };
    if (!plan.outer) return seat;
    const programOf = stepPrograms(plan, mesh, units);
    return { ...seat, actionsOf: (step: number) => programOf(step).actions };
  });
  return { plan, units, programs, seats };
}

function namesOf({ dp, pp, tp }: ParallelPlan): readonly string[] {
  return Array.from({ length: dp * pp * tp }, (_, rank) => `rank${rank}`);
}

/** Simulate `steps` steps. When no rank can continue, throws PlanError with the line of every unfinished rank. */
export function simulate(cluster: SimulatedCluster, costs: Costs, steps = 1): Simulation {
  const run = new Run(cluster, costs);
  const ranks = cluster.seats.map((seat) => new SimulatedRank(run, seat, steps));
  for (let moved = true; moved; ) {
    moved = false;
    for (const rank of ranks) while (rank.advance()) moved = true;
  }
  const stuck = ranks
    .filter(({ done }) => !done)
    .map((rank) => `rank ${rank.mesh.rank} at line ${rank.lineNumber} "${rank.lineText}"`);
  if (stuck.length > 0) throw new PlanError(`the programs wait for each other: ${stuck.join(', ')}`);
  return report(run, ranks);
}

function report({ events, commits }: Run, ranks: readonly SimulatedRank[]): Simulation {
  const makespanMs = Math.max(...ranks.map(({ lastMs }) => lastMs));
  const busyMs = ranks.reduce((sum, rank) => sum + rank.busyMs, 0);
  const stepMs = commits.length > 1 ? commits.at(-1)! - commits.at(-2)! : makespanMs;
  return {
    events,
    makespanMs,
    stepMs,
    commitsMs: commits,
    bubble: makespanMs > 0 ? 1 - busyMs / (ranks.length * makespanMs) : 0,
    ranks: ranks.map((rank) => ({
      busyMs: rank.busyMs,
      spanMs: rank.lastMs - rank.firstMs,
      bytesSent: rank.bytesSent,
      messagesSent: rank.messagesSent,
      peakUnits: rank.peakUnits,
    })),
  };
}
