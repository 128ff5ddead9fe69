/**
 * State that the ranks of a simulation share: messages and collectives by name, their net lanes, and the trace events.
 */
import type { TraceEvent } from '../trace/trace';
import type { Costs, SimulatedCluster } from './costs';
import { type Meeting, NetLane } from './netlane';

/** A message: its end is set when it is sent. */
interface Message {
  endMs: number | undefined;
}

export class Run {
  readonly events: TraceEvent[] = [];
  /** End of each step's NORM. */
  readonly commits: number[] = [];
  /** Index = rank. */
  readonly lanes: readonly NetLane[];
  readonly #messages = new Map<string, Message>();
  readonly #meetings = new Map<string, Meeting>();

  constructor(
    readonly cluster: SimulatedCluster,
    readonly costs: Costs,
  ) {
    const { perMachine } = cluster.plan;
    this.lanes = cluster.seats.map(
      (_, rank) => new NetLane(rank, costs.links, perMachine, (event) => this.events.push(event)),
    );
  }

  message(name: string): Message {
    return known(this.#messages, name, () => ({ endMs: undefined }));
  }

  meeting(name: string, members: readonly number[]): Meeting {
    return known(this.#meetings, name, () => ({
      endMs: undefined,
      members: members.map((rank) => this.lanes[rank]!),
      arrived: new Map(),
    }));
  }
}

function known<V>(map: Map<string, V>, key: string, make: () => V): V {
  const found = map.get(key) ?? make();
  map.set(key, found);
  return found;
}
