/**
 * A seeded world of membership machines on virtual time. Peers come, die, freeze, and lose each other or signaling;
 * messages are late or lost; guests reach the server but no other peer. Trainers are counters: a generation commits a
 * step when all its members are in it and can reach each other. A broken rule throws a Violation.
 */
import type { MembershipMessage } from '../../../src/net/membership/declaration';
import { fitReplicas } from '../../../src/net/membership/election';
import { reduce } from '../../../src/net/membership/reduce';
import { type Effect, type Event, initialState, type Setting } from '../../../src/net/membership/state';
import type { Presence } from '../../../src/net/signaling/signaling';
import { parsePlan } from '../../../src/plan/plan';
import { type Core, KINDS, type Kind, type Node, Violation } from './core';
import { Faults } from './faults';
import { Links } from './links';
import { randomFrom, VirtualTime } from './time';
import { Training } from './training';

export { KINDS, type Kind, Violation };

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
const MOST_EVENTS = 60_000;
const PLAN = parsePlan({});
const RUN = { text: '{}', hash: 'run' };

export class World implements Core {
  readonly kind: Kind;
  readonly nodes = new Map<string, Node>();
  readonly time = new VirtualTime();
  readonly log: string[] = [];
  readonly random: () => number;
  readonly #loss: number;
  readonly #links = new Links(this);
  readonly #training = new Training(this, this.#links);
  readonly #faults = new Faults(this, this, this.#links, this.#training);

  constructor(
    readonly seed: number,
    readonly isLogged = false,
  ) {
    this.random = randomFrom(seed);
    this.kind = KINDS[seed % KINDS.length]!;
    this.#loss = this.kind === 'everything' && this.random() < 0.5 ? 0.03 : 0;
  }

  /** Runs the world to its end; throws Violation. */
  run(): WorldReport {
    const count = 2 + this.#pick(4);
    const ids = Array.from({ length: count }, () => (this.random() * 2 ** 32).toString(16).padStart(8, '0'));
    for (const id of ids) this.time.at(this.random() * 1_500, () => this.join(id, false));
    const faults = this.kind === 'calm' ? 0 : 1 + this.#pick(3);
    let at = 3_500;
    for (let n = 0; n < faults; n++) {
      this.time.at(at, () => this.#faults.happen());
      // why apart or together: after a single fault the pause is bounded, after several at once only the end is checked
      at += this.kind === 'everything' ? this.random() * 3_000 : 9_000;
    }
    this.time.at(at, () => {});
    this.#runUntil(at);
    this.#heal();
    this.#runUntil(this.time.now + this.#healMs());
    this.#expectTogether();
    const { commits, longestPauseMs } = this.#training;
    return { kind: this.kind, peers: this.nodes.size, events: this.time.events, commits, longestPauseMs };
  }

  /**
   * Two peers stay; every `everyMs` another one joins, or the newest of those leaves, in turn with and without a word,
   * and every tenth reaches nobody. `look` sees one that stays, once a virtual minute.
   */
  soak(forMs: number, everyMs: number, look: (one: Node) => void): void {
    const stay = ['00000000', '00000001'];
    for (const id of stay) this.join(id, false);
    const [first] = stay.map((id) => this.nodes.get(id)!);
    for (let n = 0; n * everyMs < forMs; n++) {
      const id = (n + 2).toString(16).padStart(8, '0');
      this.time.at(3_500 + n * everyMs, () => {
        if (n % 2 === 0) this.join(id, n % 10 === 4, this.random() * 3_000);
        else this.#faults.die(this.nodes.get((n + 1).toString(16).padStart(8, '0'))!, n % 4 === 1);
      });
    }
    for (let at = 60_000; at <= forMs; at += 60_000) {
      const isAtRest = this.time.runUntil(at, Number.POSITIVE_INFINITY);
      if (!isAtRest) throw new Violation('the soak does not come to rest');
      look(first!);
    }
  }

  #pick(below: number): number {
    return Math.floor(this.random() * below);
  }

  say(text: string): void {
    if (this.isLogged) this.log.push(`${(this.time.now / 1000).toFixed(3)} ${text}`);
  }

  // ---- peers

  join(id: string, isolated: boolean, readyAfterMs = 0): void {
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
      failed: false,
      isolated,
      muted: false,
      inside: undefined,
      aborted: false,
      step: -1,
      history: 0,
      wakeAt: Number.POSITIVE_INFINITY,
      timerAt: Number.POSITIVE_INFINITY,
      heardAt: 0,
      held: [],
    };
    this.nodes.set(id, node);
    this.say(`${id} joins${isolated ? ', isolated' : ''}, ready after ${readyAfterMs.toFixed(0)} ms`);
    this.tellRoster();
    const ready = () => this.happen(node, { e: 'border', after: 0 });
    if (readyAfterMs === 0) ready();
    else this.time.at(readyAfterMs, ready);
  }

  happen(node: Node, event: Event): void {
    if (!node.alive) return;
    if (node.frozen) {
      if (event.e !== 'time') node.held.push(() => this.happen(node, event));
      return;
    }
    const { state, effects, wakeAt } = reduce(node.setting, node.state, event, this.time.now);
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
    this.time.at(Math.max(0, at - this.time.now), () => {
      if (node.timerAt !== at) return;
      node.timerAt = Number.POSITIVE_INFINITY;
      if (node.wakeAt <= this.time.now) this.happen(node, { e: 'time' });
      else this.#wake(node);
    });
  }

  #do(node: Node, effect: Effect): void {
    if (effect.f === 'tell') this.#send(node, effect.to, effect.message);
    else if (effect.f === 'want') for (const peer of effect.peers) this.#links.connect(node.id, peer);
    else if (effect.f === 'enter') this.#training.enter(node, effect.generation);
    else if (effect.f === 'abort') {
      this.say(`${node.id} aborts ${effect.number}`);
      node.aborted = true;
      const { inside } = node;
      this.time.at(1 + this.random() * 40, () => {
        if (node.inside === inside && inside && !node.failed) this.#training.leave(node);
      });
    } else if (effect.f === 'left') {
      node.presence = { ...node.presence, state: 'observer', left: effect.reason };
      this.tellRoster();
    } else if (effect.f === 'holds') {
      node.presence = { ...node.presence, holds: effect.generation };
      this.tellRoster();
    } else if (effect.f === 'question') this.#links.question(node, effect.peer);
    else throw new Violation(`world ${this.seed}: ${node.id} was refused`);
  }

  // ---- signaling

  tellRoster(): void {
    for (const node of this.nodes.values()) this.#tellRosterTo(node);
  }

  #tellRosterTo(node: Node): void {
    this.time.at(2 + this.random() * 25, () => {
      if (node.muted) return;
      const roster = new Map<string, Presence>();
      // why on delivery and not when it was sent: the server sends each peer the newest presence
      for (const one of this.nodes.values()) {
        if (one === node || (one.alive && !one.muted)) roster.set(one.id, one.presence);
      }
      this.happen(node, { e: 'roster', roster });
    });
  }

  #send(from: Node, to: string, message: MembershipMessage): void {
    if (this.isLogged) this.say(`${from.id} > ${to} ${JSON.stringify(message).slice(0, 150)}`);
    const wire = this.#links.wire(from.id, to);
    if (wire.up[0] && wire.up[1]) {
      // why checked on arrival: messages that are on their way when a link breaks are lost
      this.time.at(1 + this.random() * 15, () => {
        const target = this.nodes.get(to)!;
        if (this.#links.passes(from.id, to) || target.frozen)
          this.happen(target, { e: 'heard', from: from.id, message });
      });
    }
    if (from.muted || this.random() < this.#loss) return;
    const isLate = this.kind === 'everything' && this.random() < 0.03;
    this.time.at(isLate ? 500 + this.random() * 1_500 : 2 + this.random() * 25, () => {
      const target = this.nodes.get(to);
      if (!target?.alive || target.muted) return;
      const knows = target.state.roster.has(from.id) || target.state.spared.has(from.id);
      if (knows) this.happen(target, { e: 'heard', from: from.id, message });
    });
  }

  // ---- the end

  #runUntil(until: number): void {
    const isAtRest = this.time.runUntil(until, MOST_EVENTS);
    if (!isAtRest) throw new Violation(`world ${this.seed} does not come to rest`);
  }

  /** Runs until all faults are over; guests, dead peers and peers that failed for good stay as they are. */
  #heal(): void {
    let until = this.time.now;
    for (const { alive, frozen, muted, failed } of this.nodes.values())
      if (alive && (frozen || muted || failed)) until = this.time.now + 9_000;
    for (const { blocked } of this.#links.all()) if (blocked[0] || blocked[1]) until = this.time.now + 9_000;
    this.#runUntil(until);
  }

  /** Time to recover. A peer that was left out several times must show stable links for longer. */
  #healMs(): number {
    let most = 0;
    for (const { state } of this.nodes.values())
      for (const { times } of state.records.values()) most = Math.max(most, times);
    // a link that only heartbeats show to be broken is known after 5.5 s, and its successor must stand for 1 s
    const isUnseen = [...this.nodes.values()].some(({ id, alive, state }) => {
      const endsAt = (peer: string) => {
        const other = this.nodes.get(peer);
        return !other?.alive || !other.state.links.includes(id);
      };
      return alive && state.links.some(endsAt);
    });
    const seenMs = isUnseen ? 2_000 : 0;
    return (
      QUIET_MS + seenMs + (most > 1 ? Math.min(60_000, 1_000 * 2 ** (most - 1)) : 0) + (this.#loss > 0 ? 5_000 : 0)
    );
  }

  #expectTogether(): void {
    const all = [...this.nodes.values()].filter(({ alive, isolated, failed }) => alive && !isolated && !failed);
    if (all.length === 0) return;
    const [first] = all;
    const numbers = new Set(all.map(({ inside, aborted }) => (inside && !aborted ? inside.number : -1)));
    const isTogether = numbers.size === 1 && !numbers.has(-1) && first!.inside!.peers.length === all.length;
    if (!isTogether || this.time.now - this.#training.lastCommitAt > 1_000) {
      const where = all.map(({ id, inside, aborted }) => `${id} in ${inside?.number}${aborted ? ' (aborted)' : ''}`);
      throw new Violation(
        `world ${this.seed} (${this.kind}): ${this.time.now - this.#faults.lastAt} ms after the last fault not all train together: ${where.join('; ')}; last commit ${this.time.now - this.#training.lastCommitAt} ms ago`,
      );
    }
  }
}
