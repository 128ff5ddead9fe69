/**
 * The mean time and traffic of a step in steady state, by simulation. With DiLoCo, most steps exchange nothing and some
 * take an outer step, so the mean is over a whole period of `every` steps. The exact steps before `from` are not part
 * of it.
 */
import type { Costs, SimulatedCluster } from './costs';
import { type Placed, sharedPart } from './machines';
import type { OuterPlan } from './plan';
import { clusterOf, simulate } from './simulate';

interface SteadyState {
  readonly stepMs: number;
  /** Compute lines of the busiest rank in a step. */
  readonly busyMs: number;
  /** By simulated rank, bytes in a step, without those over tp. */
  readonly bytesSent: readonly number[];
}

/** `every` of a period in which no outer step is due while a few steps are simulated. */
const NEVER = 65_536;
/** Steps of a fragment's turn that are simulated at least: the outer step, the steps it is delayed by, and one more. */
const LEAST_TURN = 3;

/** `groups`: by rank of the cluster, the devices it stands for. */
export function steadyState(
  cluster: SimulatedCluster,
  costs: Costs,
  groups: readonly (readonly Placed[])[],
): SteadyState {
  const { outer } = cluster.plan;
  const between = outer ? { every: NEVER, lr: outer.lr, momentum: outer.momentum } : undefined;
  const inner = simulated(cluster, costs, groups, 2, between);
  const innerMs = inner.stepMs * inner.part;
  const busyMs = Math.max(...inner.ranks.map(({ busyMs }) => busyMs)) / 2;
  if (!outer) return { stepMs: innerMs, busyMs, bytesSent: inner.ranks.map(({ bytesSent }) => bytesSent / 2) };
  const { fragments = 1, delay = 0, from: _, ...rest } = outer;
  // why shorter: the steps between two outer steps are all alike
  const every = fragments * Math.min(outer.every / fragments, delay + LEAST_TURN);
  const period = simulated(cluster, costs, groups, 2 * every + 1, { ...rest, every, fragments, delay });
  const periodMs = (period.commitsMs[2 * every]! - period.commitsMs[every]!) * period.part;
  return {
    stepMs: innerMs + (periodMs - every * innerMs) / outer.every,
    busyMs,
    bytesSent: inner.ranks.map(({ bytesSent }, rank) => {
      const averages = period.events.filter((one) => {
        return one.name === 'OUTER' && one.rank === rank && one.step >= every && one.step < 2 * every;
      });
      return bytesSent / 2 + averages.reduce((sum, { bytes = 0 }) => sum + bytes, 0) / outer.every;
    }),
  };
}

function simulated(
  cluster: SimulatedCluster,
  costs: Costs,
  groups: readonly (readonly Placed[])[],
  steps: number,
  outer: OuterPlan | undefined,
) {
  const { plan, units } = cluster;
  const simulation = simulate(outer ? clusterOf({ ...plan, outer }, units) : cluster, costs, steps);
  return { ...simulation, part: sharedPart(simulation.events, groups, simulation.makespanMs) };
}
