/**
 * One rank of a simulation and what the ranks share. The rules of waiting are those of the executor (train/rank/executor.ts): the
 * docstring of Action says them; here each costs time instead of doing anything.
 */
import type { TraceEvent } from '../trace/trace';
import type { Costs, SimulatedCluster } from './costs';
import { collectiveBytes, collectiveCost, messageMs } from './links';
import type { Mesh } from './mesh';
import type { Action } from './plan';
import { stageCount } from './stages';
import { messageOf, printAction } from './text';

/** Something that ends at a time which may not be known yet. */
interface Pending {
  endMs?: number;
}

/** A collective: ends once all members have come and it is first in line at each of them. */
interface Meeting extends Pending {
  readonly members: readonly SimulatedRank[];
  readonly arrived: Map<SimulatedRank, number>;
}

/** What the ranks share: messages and meetings by name, and the record. */
export class Run {
  readonly events: TraceEvent[] = [];
  /** End of each step's NORM. */
  readonly commits: number[] = [];
  readonly ranks: SimulatedRank[] = [];
  readonly #messages = new Map<string, Pending>();
  readonly #meetings = new Map<string, Meeting>();

  constructor(
    readonly cluster: SimulatedCluster,
    readonly costs: Costs,
  ) {}

  message(name: string): Pending {
    return known(this.#messages, name, () => ({}));
  }

  meeting(name: string, members: readonly number[]): Meeting {
    return known(this.#meetings, name, () => ({
      members: members.map((rank) => this.ranks[rank]!),
      arrived: new Map(),
    }));
  }
}

function known<V>(map: Map<string, V>, key: string, make: () => V): V {
  const found = map.get(key) ?? make();
  map.set(key, found);
  return found;
}

/** A collective on a rank's net lane: its bytes follow those of the ones before it, its latencies run beside theirs. */
interface Queued {
  /** Every contribution goes straight to its owner, whatever its size (zero >= 2 over several microbatches). */
  readonly direct: boolean;
  readonly meeting: Meeting;
  readonly name: 'REDUCE' | 'GATHER' | 'OUTER';
  readonly unit: number;
  readonly bytes: number;
  readonly halves: 1 | 2;
  readonly step: number;
}

/** One rank under way: its clock, its place in the program, its net lane. */
export class SimulatedRank {
  busyMs = 0;
  firstMs = Number.POSITIVE_INFINITY;
  lastMs = 0;
  bytesSent = 0;
  messagesSent = 0;
  peakUnits = 0;
  #clock = 0;
  #line = 0;
  #live = 0;
  #laneFreeMs = 0;
  readonly #queue: Queued[] = [];
  readonly #linkFreeMs = new Map<number, number>();
  /** By unit: what its next reader awaits, and what NORM awaits. */
  readonly #params = new Map<number, Pending[]>();
  readonly #grads = new Map<number, Pending[]>();

  constructor(
    readonly run: Run,
    readonly mesh: Mesh,
    readonly actions: readonly Action[],
    readonly steps: number,
  ) {
    run.ranks.push(this);
  }

  get done(): boolean {
    return this.#line === this.actions.length * this.steps;
  }

  get lineText(): string {
    return printAction(this.#action, this.run.cluster.units);
  }

  get #action(): Action {
    return this.actions[this.#line % this.actions.length]!;
  }

  get #step(): number {
    return Math.floor(this.#line / this.actions.length);
  }

  /** Run the next line; false when there is none or what it awaits is not known yet. */
  advance(): boolean {
    if (this.done || !this.#runLine(this.#action)) return false;
    this.#line++;
    return true;
  }

  #runLine(line: Action): boolean {
    switch (line.op) {
      case 'F':
      case 'B':
      case 'I':
      case 'W':
        return this.#compute(line);
      case 'SEND':
        return this.#send(this.#partner(line), messageOf(line).name, this.run.costs.borderBytes, line);
      case 'RECV':
        return this.#receive(this.#partner(line), messageOf(line).name, line);
      case 'REDUCE':
        return this.#start('REDUCE', line.unit, this.run.cluster.plan.zero === 0 ? 2 : 1, this.#grads);
      case 'GATHER':
        return this.#start('GATHER', line.unit, 1, this.#params);
      case 'TIE':
        return this.#tie(line);
      case 'NORM':
        return this.#norm();
      case 'STEP':
        return this.#optimize(line.unit);
      case 'OUTER':
        return this.#outer(line.unit);
      case 'FREE':
        return true;
    }
  }

  #compute(line: Extract<Action, { op: 'F' | 'B' | 'I' | 'W' }>): boolean {
    const { op, unit, mb } = line;
    const table = this.run.cluster.units[unit]?.table?.unit ?? unit;
    if (op !== 'W' && !this.#awaitParams(unit, table)) return false;
    const { passMs } = this.run.costs;
    const pass = (one: 'F' | 'I' | 'W') => passMs(one, unit, this.mesh.rank);
    const ms = op === 'B' ? pass('I') + pass('W') : pass(op);
    if (op === 'F') this.peakUnits = Math.max(this.peakUnits, ++this.#live);
    if (op === 'B' || op === 'W') this.#live--;
    this.firstMs = Math.min(this.firstMs, this.#clock);
    this.busyMs += ms;
    this.#spend('gpu', op, this.#clock + ms, { unit, mb });
    this.lastMs = this.#clock;
    return true;
  }

  #partner(line: Extract<Action, { op: 'SEND' | 'RECV' }>): number {
    return this.mesh.stageRank(messageOf(line).partner);
  }

  /** Start a message, behind earlier ones on the same link. */
  #send(to: number, name: string, bytes: number, line: Action, readyMs = this.#clock): boolean {
    const { links } = this.run.costs;
    const t0 = Math.max(readyMs, this.#linkFreeMs.get(to) ?? 0);
    const endMs = t0 + messageMs(bytes, links);
    this.#linkFreeMs.set(to, t0 + bytes / links.bytesPerMs);
    this.run.message(this.#messageName(this.mesh.rank, to, name)).endMs = endMs;
    this.bytesSent += bytes;
    this.messagesSent++;
    this.#record('net', line.op, t0, endMs, {
      bytes,
      peer: this.mesh.peers[to]!,
      ...('mb' in line && { mb: line.mb! }),
    });
    return true;
  }

  #receive(from: number, name: string, line: Action): boolean {
    const { endMs } = this.run.message(this.#messageName(from, this.mesh.rank, name));
    if (endMs === undefined) return false;
    this.#spend('host', line.op, Math.max(this.#clock, endMs), 'mb' in line ? { mb: line.mb! } : {});
    return true;
  }

  #messageName(from: number, to: number, name: string): string {
    return `${this.#step} ${from}>${to} ${name}`;
  }

  #tie({ op, dir, unit }: Extract<Action, { op: 'TIE' }>): boolean {
    const { plan, units } = this.run.cluster;
    const reader = units.findIndex(({ table }) => table !== undefined);
    const atTable = unit !== reader;
    const other = this.mesh.stageRank(atTable ? stageCount(plan) - 1 : 0);
    const name = `TIE ${dir}`;
    const line = { op, dir, unit } as const;
    const bytes = 4 * units[reader]!.table!.floats;
    if (dir === 'grad') return atTable ? this.#receive(other, name, line) : this.#send(other, name, bytes, line);
    if (!atTable) {
      push(this.#params, unit, this.run.message(this.#messageName(other, this.mesh.rank, name)));
      return true;
    }
    const gathered = this.#params.get(unit) ?? [];
    if (gathered.some(({ endMs }) => endMs === undefined)) return false;
    return this.#send(other, name, bytes, line, Math.max(this.#clock, ...gathered.map(({ endMs }) => endMs!)));
  }

  /** Start a collective over dp: it joins the end of this rank's net lane, and `users` of the unit await it. */
  #start(name: Queued['name'], unit: number, halves: 1 | 2, users: Map<number, Pending[]>): boolean {
    const members = this.mesh.ranks('dp');
    const meeting = this.run.meeting(`${this.#step} ${members[0]} ${this.lineText}`, members);
    const bytes = 4 * this.run.cluster.units[unit]!.paramFloats;
    meeting.arrived.set(this, this.#clock);
    const { zero, microbatches } = this.run.cluster.plan;
    const direct = name === 'REDUCE' && zero >= 2 && microbatches > 1;
    this.#queue.push({ meeting, name, unit, bytes, halves, direct, step: this.#step });
    this.#settle();
    push(users, unit, meeting);
    return true;
  }

  /** End every collective that is complete and first in line at all its members. */
  #settle(): void {
    for (let head = this.#queue[0]; head && isReady(head.meeting); head = this.#queue[0]) {
      const { members, arrived } = head.meeting;
      const t0 = Math.max(...arrived.values(), ...members.map((member) => member.#laneFreeMs));
      const form = head.direct ? true : undefined;
      const cost = collectiveCost(head.bytes, members.length, head.halves, this.run.costs.links, form);
      const endMs = t0 + cost.totalMs;
      head.meeting.endMs = endMs;
      for (const member of members) {
        const { bytes, halves, name, unit, step } = member.#queue.shift()!;
        const sent = collectiveBytes(bytes, members.length, halves);
        member.#laneFreeMs = t0 + cost.busyMs;
        member.bytesSent += sent;
        this.run.events.push({ step, rank: member.mesh.rank, lane: 'net', name, t0, t1: endMs, unit, bytes: sent });
      }
      for (const member of members) if (member !== this) member.#settle();
    }
  }

  isFirst(meeting: Meeting): boolean {
    return this.#queue[0]?.meeting === meeting;
  }

  #norm(): boolean {
    const { ranks } = this.run;
    const all = ranks.map(({ mesh }) => mesh.rank);
    const meeting = this.run.meeting(`${this.#step} NORM`, all);
    const grads = [...this.#grads.values()].flat();
    if (grads.some(({ endMs }) => endMs === undefined)) return false;
    meeting.arrived.set(this, Math.max(this.#clock, ...grads.map(({ endMs }) => endMs!)));
    if (meeting.arrived.size < ranks.length) return false;
    if (meeting.endMs === undefined) {
      const { latencyMs, hostMs = 0 } = this.run.costs.links;
      meeting.endMs = Math.max(...meeting.arrived.values()) + (ranks.length > 1 ? latencyMs : 0) + hostMs;
      this.run.commits.push(meeting.endMs);
    }
    this.#spend('host', 'NORM', meeting.endMs, {});
    this.#grads.clear();
    return true;
  }

  #optimize(unit: number): boolean {
    const ms = this.run.costs.stepMs(unit, this.mesh.rank);
    this.#spend('gpu', 'STEP', this.#clock + ms, { unit });
    return true;
  }

  #outer(unit: number): boolean {
    const { outer, dp } = this.run.cluster.plan;
    if (!outer || dp === 1 || (this.#step + 1) % outer.every !== 0) return true;
    return this.#start('OUTER', unit, 2, this.#params);
  }

  /** Let the clock reach the arrival of these units' parameters; false when one arrival is not known yet. */
  #awaitParams(...units: readonly number[]): boolean {
    const awaited = units.flatMap((unit) => this.#params.get(unit) ?? []);
    if (awaited.some(({ endMs }) => endMs === undefined)) return false;
    this.#clock = Math.max(this.#clock, ...awaited.map(({ endMs }) => endMs!));
    for (const unit of units) this.#params.delete(unit);
    return true;
  }

  #spend(lane: TraceEvent['lane'], name: string, until: number, fields: Partial<TraceEvent>): void {
    this.#record(lane, name, this.#clock, until, fields);
    this.#clock = until;
  }

  #record(lane: TraceEvent['lane'], name: string, t0: number, t1: number, fields: Partial<TraceEvent>): void {
    this.run.events.push({ step: this.#step, rank: this.mesh.rank, lane, name, t0, t1, ...fields });
  }
}

function isReady(meeting: Meeting): boolean {
  return meeting.arrived.size === meeting.members.length && meeting.members.every((member) => member.isFirst(meeting));
}

function push(lists: Map<number, Pending[]>, unit: number, pending: Pending): void {
  lists.set(unit, [...(lists.get(unit) ?? []), pending]);
}
