/**
 * A seeded world of membership machines on virtual time. Peers come, die, freeze, and lose each other or signaling;
 * messages are late or lost; guests reach the server but no other peer. Trainers are counters: a generation commits a
 * step when all its members are in it and can reach each other. A broken rule throws a Violation.
 */
import type { MembershipMessage } from '../../src/net/membership/declaration';
import { fitReplicas } from '../../src/net/membership/election';
import type { Generation } from '../../src/net/membership/membership';
import { reduce } from '../../src/net/membership/reduce';
import { type Effect, type Event, initialState, type Setting, type State } from '../../src/net/membership/state';
import type { Presence } from '../../src/net/signaling/signaling';
import { parsePlan } from '../../src/plan/plan';

export class Violation extends Error {}

/** What goes wrong in a world besides joins. */
export const KINDS = ['calm', 'deaths', 'freezes', 'guests', 'links', 'signaling', 'everything'] as const;
export type Kind = (typeof KINDS)[number];

export interface WorldReport {
  readonly kind: Kind;
  readonly peers: number;
  readonly events: number;
  readonly commits: number;
  /** Longest time without a commit while somebody could train, from the first commit on, ms. */
  readonly longestPauseMs: number;
}

/** No step is due within this time: it covers a step and the way to the next generation. */
const QUIET_MS = 5_000;
const STEP_MS = 200;
const HEARTBEAT = { suspectMs: 3_000, deadMs: 5_000, everyMs: 1_000 };
const PLAN = parsePlan({});
const RUN = { text: '{}', hash: 'run' };

interface Node {
  readonly id: string;
  readonly setting: Setting;
  presence: Presence;
  state: State;
  alive: boolean;
  frozen: boolean;
  /** It reaches the server but no peer. */
  isolated: boolean;
  /** Its socket is silent: nothing goes in or out, and after a while the server takes it for gone. */
  muted: boolean;
  inside: Generation | undefined;
  aborted: boolean;
  /** Committed steps of the state it holds, -1 without any. */
  step: number;
  wakeAt: number;
  timerAt: number;
  /** From this time on all peers know of it and it knows of all. */
  heardAt: number;
  /** Events that it receives when it thaws. */
  held: Array<() => void>;
}

/** Both ends' view of one connection; silence is counted from `silentSince` per end. */
interface Wire {
  readonly ends: readonly [string, string];
  readonly up: [boolean, boolean];
  /** True if the direction ends[0] -> ends[1], or the one back, passes nothing. */
  readonly blocked: [boolean, boolean];
}

/** xorshift32: worlds must be cheap. */
function randomFrom(seed: number): () => number {
  let x = (seed * 2654435761 + 1) | 0 || 1;
  return () => {
    x ^= x << 13;
    x ^= x >>> 17;
    x ^= x << 5;
    return (x >>> 0) / 4294967296;
  };
}

export class World {
  readonly kind: Kind;
  readonly nodes = new Map<string, Node>();
  now = 0;
  commits = 0;
  longestPauseMs = 0;
  readonly log: string[] = [];
  readonly #random: () => number;
  readonly #loss: number;
  readonly #heap: Array<{ at: number; order: number; then: () => void }> = [];
  readonly #wires = new Map<string, Map<string, Wire>>();
  #order = 0;
  #events = 0;
  #lastCommitAt = 0;
  #lastFaultAt = 0;
  readonly #committing = new Set<number>();

  constructor(
    readonly seed: number,
    readonly isLogged = false,
  ) {
    this.#random = randomFrom(seed);
    this.kind = KINDS[seed % KINDS.length]!;
    this.#loss = this.kind === 'everything' && this.#random() < 0.5 ? 0.03 : 0;
  }

  /** Runs the world to its end; throws Violation. */
  run(): WorldReport {
    const count = 2 + this.#pick(4);
    const ids = Array.from({ length: count }, () => (this.#random() * 2 ** 32).toString(16).padStart(8, '0'));
    for (const id of ids) this.#at(this.#random() * 1_500, () => this.#join(id, false));
    const faults = this.kind === 'calm' ? 0 : 1 + this.#pick(3);
    let at = 3_500;
    for (let n = 0; n < faults; n++) {
      this.#at(at, () => this.#fault());
      // why apart or together: after a single fault the pause is bounded, after several at once only the end is checked
      at += this.kind === 'everything' ? this.#random() * 3_000 : 9_000;
    }
    this.#at(at, () => {});
    this.#runUntil(at);
    this.#heal();
    this.#runUntil(this.now + this.#healMs());
    this.#expectTogether();
    const { kind, commits, longestPauseMs } = this;
    return { kind, peers: this.nodes.size, events: this.#events, commits, longestPauseMs };
  }

  #pick(below: number): number {
    return Math.floor(this.#random() * below);
  }

  #one<Item>(items: readonly Item[]): Item | undefined {
    return items[this.#pick(items.length)];
  }

  #at(delayMs: number, then: () => void): void {
    const heap = this.#heap;
    const entry = { at: this.now + delayMs, order: this.#order++, then };
    let at = heap.push(entry) - 1;
    while (at > 0) {
      const up = (at - 1) >> 1;
      if (!isBefore(heap[at]!, heap[up]!)) break;
      [heap[at], heap[up]] = [heap[up]!, heap[at]!];
      at = up;
    }
  }

  #next(): { at: number; then: () => void } | undefined {
    const heap = this.#heap;
    const first = heap[0];
    const last = heap.pop();
    if (!first || !last || heap.length === 0) return first;
    heap[0] = last;
    for (let at = 0; ; ) {
      const left = 2 * at + 1;
      const child = left + 1 < heap.length && isBefore(heap[left + 1]!, heap[left]!) ? left + 1 : left;
      if (child >= heap.length || !isBefore(heap[child]!, heap[at]!)) return first;
      [heap[at], heap[child]] = [heap[child]!, heap[at]!];
      at = child;
    }
  }

  #runUntil(until: number): void {
    for (;;) {
      const first = this.#heap[0];
      if (!first || first.at > until) break;
      this.#next();
      this.now = first.at;
      if (++this.#events > 60_000) throw new Violation(`world ${this.seed} does not come to rest`);
      first.then();
    }
    this.now = until;
  }

  #say(text: string): void {
    if (this.isLogged) this.log.push(`${(this.now / 1000).toFixed(3)} ${text}`);
  }

  // ---- peers

  #join(id: string, isolated: boolean): void {
    const setting: Setting = {
      self: id,
      build: 'b',
      run: RUN,
      plan: PLAN,
      fit: (count, plan) => fitReplicas(count, plan, 64),
    };
    const node: Node = {
      id,
      setting,
      presence: { peer: id, name: id, adapter: '', state: 'willing', hidden: false, build: 'b', run: 'run' },
      state: initialState(setting),
      alive: true,
      frozen: false,
      isolated,
      muted: false,
      inside: undefined,
      aborted: false,
      step: -1,
      wakeAt: Number.POSITIVE_INFINITY,
      timerAt: Number.POSITIVE_INFINITY,
      heardAt: 0,
      held: [],
    };
    this.nodes.set(id, node);
    this.#say(`${id} joins${isolated ? ', isolated' : ''}`);
    this.#tellRoster();
    this.#happen(node, { e: 'border', after: 0 });
  }

  #happen(node: Node, event: Event): void {
    if (!node.alive) return;
    if (node.frozen) {
      if (event.e !== 'time') node.held.push(() => this.#happen(node, event));
      return;
    }
    const { state, effects, wakeAt } = reduce(node.setting, node.state, event, this.now);
    node.state = state;
    for (const effect of effects) this.#do(node, effect);
    node.wakeAt = wakeAt;
    this.#wake(node);
  }

  /** One timer per peer; a timer that fires too early is set again. */
  #wake(node: Node): void {
    const at = node.wakeAt;
    if (at >= node.timerAt) return;
    node.timerAt = at;
    this.#at(Math.max(0, at - this.now), () => {
      if (node.timerAt !== at) return;
      node.timerAt = Number.POSITIVE_INFINITY;
      if (node.wakeAt <= this.now) this.#happen(node, { e: 'time' });
      else this.#wake(node);
    });
  }

  #do(node: Node, effect: Effect): void {
    if (effect.f === 'tell') this.#send(node, effect.to, effect.message);
    else if (effect.f === 'want') for (const peer of effect.peers) this.#connect(node.id, peer);
    else if (effect.f === 'enter') this.#enter(node, effect.generation);
    else if (effect.f === 'abort') {
      this.#say(`${node.id} aborts ${effect.number}`);
      node.aborted = true;
      const { inside } = node;
      this.#at(1 + this.#random() * 40, () => {
        if (node.inside === inside && inside) this.#leave(node);
      });
    } else if (effect.f === 'holds') {
      node.presence = { ...node.presence, holds: effect.generation };
      this.#tellRoster();
    } else if (effect.f === 'question') this.#question(node, effect.peer);
    else throw new Violation(`world ${this.seed}: ${node.id} was refused`);
  }

  // ---- signaling

  #tellRoster(): void {
    for (const node of this.nodes.values()) this.#tellRosterTo(node);
  }

  #tellRosterTo(node: Node): void {
    this.#at(2 + this.#random() * 25, () => {
      if (node.muted) return;
      const roster = new Map<string, Presence>();
      // why on delivery and not when it was sent: the server sends each peer the newest presence
      for (const one of this.nodes.values()) {
        if (one === node || (one.alive && !one.muted)) roster.set(one.id, one.presence);
      }
      this.#happen(node, { e: 'roster', roster });
    });
  }

  #send(from: Node, to: string, message: MembershipMessage): void {
    if (this.isLogged) this.#say(`${from.id} > ${to} ${JSON.stringify(message).slice(0, 150)}`);
    const wire = this.#wire(from.id, to);
    if (wire.up[0] && wire.up[1]) {
      // why checked on arrival: messages that are on their way when a link breaks are lost
      this.#at(1 + this.#random() * 15, () => {
        const target = this.nodes.get(to)!;
        if (this.#passes(from.id, to) || target.frozen) this.#happen(target, { e: 'heard', from: from.id, message });
      });
    }
    if (from.muted || this.#random() < this.#loss) return;
    const isLate = this.kind === 'everything' && this.#random() < 0.03;
    this.#at(isLate ? 500 + this.#random() * 1_500 : 2 + this.#random() * 25, () => {
      const target = this.nodes.get(to);
      if (!target?.alive || target.muted) return;
      const knows = target.state.roster.has(from.id) || target.state.spared.has(from.id);
      if (knows) this.#happen(target, { e: 'heard', from: from.id, message });
    });
  }

  // ---- links

  #wire(a: string, b: string): Wire {
    const [low, high] = a < b ? [a, b] : [b, a];
    const ofLow = this.#wires.get(low) ?? new Map<string, Wire>();
    this.#wires.set(low, ofLow);
    const wire = ofLow.get(high) ?? { ends: [low, high], up: [false, false], blocked: [false, false] };
    ofLow.set(high, wire);
    return wire;
  }

  #all(): Wire[] {
    return [...this.#wires.values()].flatMap((ofLow) => [...ofLow.values()]);
  }

  #passes(from: string, to: string): boolean {
    const [a, b] = [this.nodes.get(from), this.nodes.get(to)];
    if (!a?.alive || !b?.alive || a.frozen || b.frozen || a.isolated || b.isolated) return false;
    const wire = this.#wire(from, to);
    return !wire.blocked[wire.ends[0] === from ? 0 : 1];
  }

  /** A link opens once both ends want it, its signals pass and both are awake. */
  #connect(a: string, b: string): void {
    const wire = this.#wire(a, b);
    this.#at(60 + this.#random() * 240, () => {
      const [x, y] = [this.nodes.get(a), this.nodes.get(b)];
      if (!x?.alive || !y?.alive || wire.up[0] || wire.up[1]) return;
      if (!x.state.wanted.includes(b) || !y.state.wanted.includes(a)) return;
      if (x.muted || y.muted || !this.#passes(a, b) || !this.#passes(b, a)) {
        this.#at(400, () => this.#connect(a, b));
        return;
      }
      wire.ends.forEach((end, side) => {
        wire.up[side as 0 | 1] = true;
        const other = wire.ends[1 - side]!;
        this.#at(this.#random() * 15, () => {
          if (wire.up[side as 0 | 1]) this.#happen(this.nodes.get(end)!, { e: 'linked', peer: other });
        });
      });
      this.#say(`${wire.ends.join('|')} is up`);
    });
  }

  /** One end closes the link. The other hears of it if messages can pass, else its own heartbeats find out. */
  #cut(end: string, other: string, reason: string): void {
    const wire = this.#wire(end, other);
    const side = wire.ends[0] === end ? 0 : 1;
    if (!wire.up[side]) return;
    wire.up[side] = false;
    this.#say(`${end} ends its link to ${other}: ${reason}`);
    const node = this.nodes.get(end)!;
    this.#happen(node, { e: 'unlinked', peer: other, reason });
    if (!wire.up[1 - side]) this.#connect(end, other);
    else if (this.#passes(end, other)) this.#at(5 + this.#random() * 20, () => this.#cut(other, end, 'closed'));
    else this.#listen(other, end);
  }

  /** From now on `end` may hear nothing from `other`; its heartbeats find out. */
  #listen(end: string, other: string): void {
    const wire = this.#wire(end, other);
    const side = wire.ends[0] === end ? 0 : 1;
    const jitter = this.#random() * HEARTBEAT.everyMs;
    let heardAt = this.now;
    const check = () => {
      const node = this.nodes.get(end);
      if (!node?.alive || !wire.up[side]) return;
      const isOpen = wire.up[1 - side] && this.#passes(other, end);
      if (isOpen && !node.frozen) return;
      // why: messages that came while it was frozen are still to be read, so this time does not count as silence
      if (node.frozen) heardAt = this.now;
      const silentMs = this.now - heardAt;
      if (silentMs >= HEARTBEAT.deadMs) this.#cut(end, other, 'silent');
      else {
        if (silentMs >= HEARTBEAT.suspectMs && silentMs < HEARTBEAT.suspectMs + HEARTBEAT.everyMs) {
          this.#happen(node, { e: 'suspect', peer: other });
        }
        this.#at(HEARTBEAT.everyMs, check);
      }
    };
    this.#at(jitter, check);
  }

  #question(node: Node, peer: string): void {
    this.#at(1_000, () => {
      if (!node.frozen && !this.#passes(peer, node.id)) this.#cut(node.id, peer, 'it left the room');
    });
  }

  // ---- training

  #enter(node: Node, generation: Generation): void {
    this.#say(`${node.id} enters ${generation.number} of ${generation.peers.join()}`);
    node.inside = generation;
    node.aborted = false;
    this.#tryStep(generation);
  }

  #leave(node: Node): void {
    const after = node.inside?.number ?? 0;
    node.inside = undefined;
    this.#happen(node, { e: 'border', after });
  }

  #isWorking({ number, peers }: Generation): boolean {
    return peers.every((id) => {
      const node = this.nodes.get(id);
      if (!node?.alive || node.frozen || node.inside?.number !== number || node.aborted) return false;
      if (node.inside.peers.join() !== peers.join()) return false;
      return peers.every((other) => {
        const wire = this.#wire(id, other);
        return other === id || (wire.up[0] && wire.up[1] && this.#passes(id, other));
      });
    });
  }

  #tryStep(generation: Generation): void {
    const { number, peers } = generation;
    if (this.#committing.has(number) || !this.#isWorking(generation)) return;
    this.#committing.add(number);
    this.#at(STEP_MS, () => {
      this.#committing.delete(number);
      const isWorking = this.#isWorking(generation);
      if (!isWorking) {
        // a freeze or a block may end in time: try the step again
        this.#at(200, () => this.#tryStep(generation));
        return;
      }
      this.#commit(generation);
      const members = peers.map((id) => this.nodes.get(id)!);
      if (members.some(({ state }) => state.newest.number > number)) {
        for (const member of members) {
          this.#at(this.#random() * 10, () => {
            if (member.inside?.number === number) this.#leave(member);
          });
        }
      } else this.#tryStep(generation);
    });
  }

  #commit({ number, peers }: Generation): void {
    const members = peers.map((id) => this.nodes.get(id)!);
    const from = Math.max(...members.map(({ step }) => step));
    const step = Math.max(from, 0) + 1;
    for (const node of this.nodes.values()) {
      const isReachable = node.alive && !node.frozen && this.now > node.heardAt && !node.isolated;
      if (!isReachable || members.includes(node) || node.step < step) continue;
      if (members.some((member) => this.now < member.heardAt || member.isolated)) continue;
      const what = from < 0 ? 'begins the run anew' : `commits step ${step} again`;
      throw new Violation(
        `world ${this.seed} at ${this.now.toFixed(0)} ms: generation ${number} of ${peers} ${what}, and ${node.id} holds ${node.step}`,
      );
    }
    for (const member of members) {
      member.step = step;
      if (member.state.holds !== number) this.#happen(member, { e: 'state', holds: true });
    }
    this.#say(`generation ${number} commits ${step}`);
    if (this.commits > 0) this.#notePause();
    this.commits += 1;
    this.#lastCommitAt = this.now;
  }

  #notePause(): void {
    this.longestPauseMs = Math.max(this.longestPauseMs, this.now - this.#lastCommitAt);
  }

  // ---- faults

  #fault(): void {
    const { kind } = this;
    const awake = [...this.nodes.values()].filter(({ alive, frozen, isolated }) => alive && !frozen && !isolated);
    const doable: Kind[] = ['deaths', 'freezes', 'guests', 'links', 'signaling', 'calm'];
    const what = kind === 'everything' ? this.#one(doable)! : kind;
    this.#lastFaultAt = this.now;
    if (what === 'guests') this.#guest();
    else if (what === 'calm') this.#join((this.#random() * 2 ** 32).toString(16).padStart(8, '0'), false);
    else if (awake.length < 2) return;
    // why: two sides without any connection cannot know of each other, so both go on
    else if (what === 'links' && awake.some(({ muted }) => muted)) return;
    else if (what === 'signaling' && [...this.nodes.values()].some(({ frozen }) => frozen)) return;
    else if (what === 'signaling' && this.#all().some(({ blocked }) => blocked[0] || blocked[1])) return;
    else if (what === 'deaths') this.#die(this.#one(awake)!, this.#random() < 0.5);
    else if (what === 'freezes' && awake.some(({ muted }) => muted)) return;
    else if (what === 'freezes') this.#freeze(this.#one(awake)!, 500 + this.#random() * 6_000);
    else if (what === 'signaling') this.#mute(this.#one(awake)!, 500 + this.#random() * 6_000);
    else this.#block(this.#one(awake)!, this.#one(awake)!, this.#random() < 0.5, 500 + this.#random() * 7_000);
  }

  #guest(): void {
    const isLow = this.#random() < 0.5;
    const id = `${isLow ? '0' : 'f'}${(this.#random() * 2 ** 28).toString(16).padStart(7, '0')}`;
    this.#join(id, true);
    this.#at(2_000 + this.#random() * 6_000, () => {
      const node = this.nodes.get(id)!;
      if (node.alive) this.#die(node, true);
    });
  }

  /** `says`: it sends bye on its links, as a page does when it is closed. */
  #die(node: Node, says: boolean): void {
    this.#say(`${node.id} dies${says ? ' with a word' : ''}`);
    node.alive = false;
    for (const wire of this.#all()) {
      const side = wire.ends.indexOf(node.id);
      if (side < 0) continue;
      wire.up[side as 0 | 1] = false;
      const other = wire.ends[1 - side]!;
      if (says) this.#at(5 + this.#random() * 30, () => this.#cut(other, node.id, 'it said bye'));
      else this.#listen(other, node.id);
    }
    this.#at(20 + this.#random() * 110, () => this.#tellRoster());
  }

  #freeze(node: Node, forMs: number): void {
    this.#say(`${node.id} freezes for ${forMs.toFixed(0)} ms`);
    node.frozen = true;
    for (const other of this.nodes.values()) if (other !== node) this.#listen(other.id, node.id);
    this.#at(forMs, () => {
      if (!node.alive) return;
      this.#say(`${node.id} thaws`);
      node.frozen = false;
      const held = node.held;
      node.held = [];
      for (const then of held) then();
      this.#happen(node, { e: 'time' });
      this.#lastFaultAt = this.now;
      // close the links that the others have given up
      for (const other of this.nodes.values()) {
        const wire = this.#wire(node.id, other.id);
        const [mine, theirs] = wire.ends[0] === node.id ? [0, 1] : [1, 0];
        if (other !== node && wire.up[mine as 0 | 1] && !wire.up[theirs as 0 | 1]) {
          this.#at(this.#random() * 20, () => this.#cut(node.id, other.id, 'closed'));
        }
      }
      if (node.inside) this.#tryStep(node.inside);
    });
  }

  /** Its socket falls silent: the server takes it for gone, and it does not notice. Its links stay up. */
  #mute(node: Node, forMs: number): void {
    this.#say(`${node.id}'s socket is silent for ${forMs.toFixed(0)} ms`);
    node.muted = true;
    node.heardAt = this.now + forMs + 1_000;
    this.#at(200 + this.#random() * 1_000, () => this.#tellRoster());
    this.#at(forMs, () => {
      node.muted = false;
      this.#lastFaultAt = this.now;
      this.#tellRoster();
    });
  }

  #block(a: Node, b: Node, oneWay: boolean, forMs: number): void {
    if (a === b) return;
    const wire = this.#wire(a.id, b.id);
    this.#say(`${a.id} does not reach ${b.id}${oneWay ? '' : ' nor the other way'} for ${forMs.toFixed(0)} ms`);
    const [to, back] = wire.ends[0] === a.id ? ([0, 1] as const) : ([1, 0] as const);
    wire.blocked[to] = true;
    if (!oneWay) wire.blocked[back] = true;
    this.#listen(b.id, a.id);
    if (!oneWay) this.#listen(a.id, b.id);
    this.#at(forMs, () => {
      wire.blocked[to] = false;
      wire.blocked[back] = false;
      this.#lastFaultAt = this.now;
      for (const one of [a, b]) if (one.inside) this.#tryStep(one.inside);
    });
  }

  // ---- the end

  /** Runs until all faults are over; guests and dead peers stay as they are. */
  #heal(): void {
    let until = this.now;
    for (const node of this.nodes.values()) if (node.alive && (node.frozen || node.muted)) until = this.now + 9_000;
    for (const { blocked } of this.#all()) if (blocked[0] || blocked[1]) until = this.now + 9_000;
    this.#runUntil(until);
  }

  /** Time to recover. A peer that was left out several times must show stable links for longer. */
  #healMs(): number {
    let most = 0;
    for (const { state } of this.nodes.values())
      for (const { times } of state.records.values()) most = Math.max(most, times);
    return QUIET_MS + (most > 1 ? 1_000 * 2 ** (most - 1) : 0) + (this.#loss > 0 ? 5_000 : 0);
  }

  #expectTogether(): void {
    const all = [...this.nodes.values()].filter(({ alive, isolated }) => alive && !isolated);
    if (all.length === 0) return;
    const [first] = all;
    const numbers = new Set(all.map(({ inside, aborted }) => (inside && !aborted ? inside.number : -1)));
    const isTogether = numbers.size === 1 && !numbers.has(-1) && first!.inside!.peers.length === all.length;
    if (!isTogether || this.now - this.#lastCommitAt > 1_000) {
      const where = all.map(({ id, inside, aborted }) => `${id} in ${inside?.number}${aborted ? ' (aborted)' : ''}`);
      throw new Violation(
        `world ${this.seed} (${this.kind}): ${this.now - this.#lastFaultAt} ms after the last fault not all train together: ${where.join('; ')}; last commit ${this.now - this.#lastCommitAt} ms ago`,
      );
    }
  }
}

const isBefore = (a: { at: number; order: number }, b: { at: number; order: number }) =>
  a.at < b.at || (a.at === b.at && a.order < b.order);
