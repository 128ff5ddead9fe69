/**
 * One rank of a simulation. Lines wait by the rules of the executor (train/rank/executor.ts). The docstring of Action
 * states these rules, and tests/equivalence/waits.test.ts compares both. Here a line takes time instead of doing its
 * work.
 */
import type { TraceEvent } from '../trace/trace';
import type { Seat } from './costs';
import { linksAmong, messageMs } from './linkcosts';
import type { Mesh } from './mesh';
import type { Collective, NetLane, Pending } from './netlane';
import { type Action, wiresOf } from './plan';
import type { Run } from './simulatedrun';
import { stageCount } from './stages';
import { messageOf, printAction } from './text';
import { wireBytes } from './wire';

/** The clock of one rank, its position in its program and its net lane. */
export class SimulatedRank {
  busyMs = 0;
  firstMs = Number.POSITIVE_INFINITY;
  lastMs = 0;
  messagesSent = 0;
  peakUnits = 0;
  /** Lines run so far, over all steps. */
  linesRun = 0;
  #clock = 0;
  #step = 0;
  /** Index of the next line of the step. */
  #line = 0;
  #live = 0;
  /** Started sends that still await parameters. Each function tries to send and returns true when it could. */
  #waiting: (() => boolean)[] = [];
  #messageBytes = 0;
  readonly #lane: NetLane;
  readonly #linkFreeMs = new Map<number, number>();
  /** By unit: what its next reader awaits (params), and what NORM awaits (grads). */
  readonly #params = new Map<number, Pending[]>();
  readonly #grads = new Map<number, Pending[]>();
  readonly #averages = new Map<number, Pending[]>();

  constructor(
    readonly run: Run,
    readonly seat: Seat,
    readonly steps: number,
  ) {
    this.#lane = run.lanes[seat.mesh.rank]!;
  }

  get mesh(): Mesh {
    return this.seat.mesh;
  }

  get bytesSent(): number {
    return this.#messageBytes + this.#lane.bytesSent;
  }

  get done(): boolean {
    return this.#step === this.steps;
  }

  get lineText(): string {
    return printAction(this.#action, this.run.cluster.units);
  }

  /** Number of the next line within its step, from 1. */
  get lineNumber(): number {
    return this.#line + 1;
  }

  get #actions(): readonly Action[] {
    return this.seat.actionsOf?.(this.#step) ?? this.seat.actions;
  }

  get #action(): Action {
    return this.#actions[this.#line]!;
  }

  /** Run the next line and the waiting sends. Returns false when none of them could run yet. */
  advance(): boolean {
    const waited = this.#waiting.length;
    this.#waiting = this.#waiting.filter((send) => !send());
    if (this.done || !this.#runLine(this.#action)) return this.#waiting.length < waited;
    this.linesRun++;
    this.#line++;
    if (this.#line === this.#actions.length) [this.#step, this.#line] = [this.#step + 1, 0];
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
        return this.#outer(line);
      case 'SUM':
        return this.#sum(line.unit);
      case 'FREE':
      // why: they copy, add or drop buffers inside a device, which takes little time beside a pass
      case 'ASIDE':
      case 'BACK':
      case 'ADD':
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

  /** Start a message. It is sent after the earlier messages of the same link. */
  #send(to: number, name: string, bytes: number, line: Action, readyMs = this.#clock, step = this.#step): boolean {
    const links = linksAmong([this.mesh.rank, to], this.run.costs.links);
    const t0 = Math.max(readyMs, this.#linkFreeMs.get(to) ?? 0);
    const endMs = t0 + messageMs(bytes, links);
    this.#linkFreeMs.set(to, t0 + bytes / links.bytesPerMs);
    this.run.message(this.#messageName(this.mesh.rank, to, name, step)).endMs = endMs;
    this.#messageBytes += bytes;
    this.messagesSent++;
    this.#record('net', line.op, t0, endMs, {
      step,
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

  #messageName(from: number, to: number, name: string, step = this.#step): string {
    return `${step} ${from}>${to} ${name}`;
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
    const awaited = this.#params.get(unit) ?? [];
    const [startMs, step] = [this.#clock, this.#step];
    this.#waiting.push(() => {
      const gathered = latest(awaited);
      return gathered !== undefined && this.#send(other, name, bytes, line, Math.max(startMs, gathered), step);
    });
    return true;
  }

  /**
   * Start a collective over dp: it joins the end of this rank's net lane and is added to the unit's list in `users`.
   */
  #start(name: Collective['name'], unit: number, halves: 1 | 2, users: Map<number, Pending[]>): boolean {
    const members = this.mesh.ranks('dp');
    const meeting = this.run.meeting(`${this.#step} ${members[0]} ${this.lineText}`, members);
    const wires = wiresOf(this.run.cluster.plan);
    const wire = name === 'GATHER' ? 'f32' : name === 'OUTER' ? wires.outer : wires.reduce;
    const floats = this.run.cluster.units[unit]!.paramFloats;
    const bytes = wireBytes(floats, wire);
    const direct = wire !== 'f32' || (name === 'REDUCE' && this.#isByMicrobatch);
    const { codeMsPerMillion = 0 } = this.run.costs.links;
    const codeMs = wire === 'f32' ? 0 : (floats / 1e6) * codeMsPerMillion * (halves / 2);
    this.#lane.join(meeting, { name, unit, bytes, halves, direct, codeMs, step: this.#step }, this.#clock);
    push(users, unit, meeting);
    return true;
  }

  /** Every microbatch has its own REDUCE and there are several: then REDUCE is direct, whatever its size. */
  get #isByMicrobatch(): boolean {
    const { zero, microbatches, dp } = this.run.cluster.plan;
    return dp > 1 && zero >= 2 && microbatches > 1;
  }

  /** The sum over the tp group. The group runs in lockstep, so only its time is simulated. */
  #sum(unit: number): boolean {
    const ms = this.run.costs.sumMs?.(unit, this.mesh.rank) ?? 0;
    if (!this.#isByMicrobatch) {
      this.#spend('host', 'SUM', this.#clock + ms, { unit });
      return true;
    }
    const before = this.#grads.get(unit) ?? [];
    push(this.#grads, unit, {
      get endMs() {
        const known = latest(before);
        return known === undefined ? undefined : known + ms;
      },
    });
    return true;
  }

  #norm(): boolean {
    const all = this.run.lanes.map(({ rank }) => rank);
    const meeting = this.run.meeting(`${this.#step} NORM`, all);
    const grads = latest([...this.#grads.values()].flat());
    if (grads === undefined) return false;
    meeting.arrived.set(this.mesh.rank, Math.max(this.#clock, grads));
    if (meeting.arrived.size < all.length) return false;
    if (meeting.endMs === undefined) {
      const { latencyMs, hostMs = 0 } = linksAmong(all, this.run.costs.links);
      meeting.endMs = Math.max(...meeting.arrived.values()) + (all.length > 1 ? latencyMs : 0) + hostMs;
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

  /** With a delay, `take` starts the average, and the unit's next reader awaits it only after `use`. */
  #outer({ unit, part }: Extract<Action, { op: 'OUTER' }>): boolean {
    if (this.run.cluster.plan.dp === 1) return true;
    if (part !== 'use') return this.#start('OUTER', unit, 2, part === 'take' ? this.#averages : this.#params);
    for (const average of this.#averages.get(unit) ?? []) push(this.#params, unit, average);
    this.#averages.delete(unit);
    return true;
  }

  /** Advance the clock to the arrival of these units' parameters. False when an arrival is not known yet. */
  #awaitParams(...units: readonly number[]): boolean {
    const arrivedMs = latest(units.flatMap((unit) => this.#params.get(unit) ?? []));
    if (arrivedMs === undefined) return false;
    this.#clock = Math.max(this.#clock, arrivedMs);
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

/** The latest end, 0 for an empty list; undefined while an end is not known. */
function latest(pending: readonly Pending[]): number | undefined {
  let ms = 0;
  for (const { endMs } of pending) {
    if (endMs === undefined) return undefined;
    ms = Math.max(ms, endMs);
  }
  return ms;
}

function push(lists: Map<number, Pending[]>, unit: number, pending: Pending): void {
  lists.set(unit, [...(lists.get(unit) ?? []), pending]);
}
