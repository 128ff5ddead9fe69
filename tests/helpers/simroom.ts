/**
 * A room of membership machines without network or real time. Messages, roster news and link news of each pair arrive
 * in order, at moments that the test decides. Dead peers stop; what they sent before still arrives.
 */
import { expect } from 'vitest';
import type { MembershipMessage } from '../../src/net/membership/declaration';
import { fitReplicas } from '../../src/net/membership/election';
import type { JoinedGeneration } from '../../src/net/membership/membership';
import { type MembershipOptions, RoomMembership } from '../../src/net/membership/roommembership';
import type { Presence } from '../../src/net/signaling/signaling';
import { parsePlan } from '../../src/plan/plan';
import { HandClock } from './clock';

export const idOf = (n: number) => n.toString(16).padStart(12, '0');
export const RUN = { text: '{"train":{"globalBatch":64}}', hash: 'run' };

export interface SimPeer {
  readonly id: string;
  readonly machine: RoomMembership;
  presence: Presence;
  wanted: readonly string[];
  alive: boolean;
  /** The generation that this peer's trainer is in. */
  joined: JoinedGeneration | undefined;
  failure: unknown;
  /** Its trainer has failed and has not come back. */
  hasFailed: boolean;
  /** Every generation joined, in order. */
  readonly history: JoinedGeneration[];
}

export class SimRoom {
  readonly clock = new HandClock();
  readonly peers = new Map<string, SimPeer>();
  /** Links that never come up, as `a|b` with a < b. */
  readonly cut = new Set<string>();
  readonly #queues = new Map<string, Array<() => void>>();
  readonly #links = new Set<string>();

  /** `isReady` false: its trainer asks for no generation before `train`. */
  add(
    n: number,
    options: Partial<MembershipOptions> & { presence?: Partial<Presence>; isReady?: boolean } = {},
  ): SimPeer {
    const id = idOf(n);
    const { presence, isReady = true, ...rest } = options;
    const machine = new RoomMembership({
      self: id,
      clock: this.clock,
      build: 'b',
      run: RUN,
      plan: parsePlan({}),
      fit: (count, plan) => fitReplicas(count, plan, 64),
      send: (to, message) => this.#send(id, to, message),
      want: (peers) => this.#want(id, peers),
      adopt: (hash) => this.announce(id, { run: hash }),
      left: (reason) => this.announce(id, { state: 'observer', left: reason }),
      holds: (generation) => this.announce(id, { holds: generation }),
      question: () => {},
      ...rest,
    });
    const base = { peer: id, name: id, adapter: '', state: 'willing', hidden: false, build: 'b', run: 'run' } as const;
    const peer: SimPeer = {
      id,
      machine,
      presence: { ...base, ...presence },
      wanted: [],
      alive: true,
      joined: undefined,
      failure: undefined,
      hasFailed: false,
      history: [],
    };
    this.peers.set(id, peer);
    if (isReady) this.train(peer);
    this.tellRoster();
    return peer;
  }

  /** The tab dies: every roster loses it and its links close, each at its own moment. */
  kill(id: string): void {
    const peer = this.peers.get(id)!;
    peer.alive = false;
    this.peers.delete(id);
    for (const link of [...this.#links]) if (link.split('|').includes(id)) this.breakLink(link);
    this.tellRoster();
  }

  /** The trainer of `id` fails; it keeps a copy of its state. */
  fail(id: string, reason: string): void {
    const peer = this.peers.get(id)!;
    peer.hasFailed = true;
    peer.joined = undefined;
    peer.machine.fail(reason);
  }

  /** A peer that has failed takes part again. */
  comeBack(id: string): void {
    const peer = this.peers.get(id)!;
    peer.hasFailed = false;
    this.announce(id, { state: 'willing', left: '' });
    this.train(peer);
  }

  announce(id: string, change: Partial<Presence>): void {
    const peer = this.peers.get(id);
    if (!peer) return;
    peer.presence = { ...peer.presence, ...change };
    this.tellRoster();
  }

  breakLink(link: string): void {
    this.#links.delete(link);
    const [a, b] = link.split('|') as [string, string];
    this.#queue(`link ${a}`, () => this.peers.get(a)?.machine.unlinked(b, 'cut'));
    this.#queue(`link ${b}`, () => this.peers.get(b)?.machine.unlinked(a, 'cut'));
    this.#connect(a, b);
  }

  tellRoster(): void {
    const roster = new Map([...this.peers].map(([id, peer]) => [id, peer.presence]));
    for (const id of this.peers.keys())
      this.#queue(`roster ${id}`, () => this.peers.get(id)?.machine.setRoster(roster));
  }

  /** Delivers one piece of news; `pick` chooses among the queues that have one. Returns false if there is none. */
  deliver(pick: (count: number) => number): boolean {
    const busy = [...this.#queues].filter(([, queue]) => queue.length > 0);
    if (busy.length === 0) return false;
    busy[pick(busy.length) % busy.length]![1].shift()!();
    return true;
  }

  /** Delivers everything and advances time until nothing has been due for a minute. */
  async settle(pick: (count: number) => number = () => 0): Promise<void> {
    const quietFrom = () => this.clock.now() + 60_000;
    const limit = this.clock.now() + 1_800_000;
    for (let until = quietFrom(); this.clock.now() < until; ) {
      if (this.clock.now() > limit) throw new Error('the room did not come to rest within half an hour');
      let moved = false;
      while (this.deliver(pick)) moved = true;
      await flushPromises();
      moved ||= this.#stepBorders();
      await flushPromises();
      if (moved) until = quietFrom();
      else this.clock.advance(Math.min(this.clock.nextAt, until) - this.clock.now());
    }
  }

  /** Delivers what is on its way and advances time by `ms`. */
  async pass(ms: number): Promise<void> {
    for (const until = this.clock.now() + ms; this.clock.now() < until; ) {
      let moved = false;
      while (this.deliver(() => 0)) moved = true;
      await flushPromises();
      moved ||= this.#stepBorders();
      await flushPromises();
      if (!moved) this.clock.advance(Math.min(this.clock.nextAt, until) - this.clock.now());
    }
  }

  /** Trainers stop at their step border if any member knows of a newer generation: NORM's exchange would tell them. */
  #stepBorders(): boolean {
    let moved = false;
    for (const peer of this.peers.values()) {
      const { joined } = peer;
      if (!joined || joined.signal.aborted) continue;
      const members = joined.peers.map((id) => this.peers.get(id));
      const areAllIn = members.every((member) => member?.joined?.number === joined.number);
      if (!areAllIn || !members.some((member) => member!.machine.declared > joined.number)) continue;
      for (const member of members) this.train(member!);
      moved = true;
    }
    return moved;
  }

  train(peer: SimPeer): void {
    if (peer.hasFailed) return;
    const after = peer.history.at(-1)?.number ?? 0;
    peer.joined = undefined;
    peer.machine.next(after, new AbortController().signal).then(
      (joined) => {
        peer.joined = joined;
        if (!joined.paused) peer.machine.holdsState(true);
        peer.history.push(joined);
        const again = () => {
          if (peer.joined === joined) this.train(peer);
        };
        if (joined.signal.aborted) again();
        else joined.signal.addEventListener('abort', again, { once: true });
      },
      (error: unknown) => {
        peer.failure = error;
      },
    );
  }

  #send(from: string, to: string, message: MembershipMessage): void {
    if (!this.peers.get(from)?.alive) return;
    const copy: unknown = JSON.parse(JSON.stringify(message));
    this.#queue(`${from} ${to}`, () => {
      const target = this.peers.get(to);
      // As in the product: a message from a peer that is not in the roster yet is ignored.
      if (target && hears(target.machine, from)) target.machine.receive(from, copy);
    });
  }

  #want(id: string, peers: readonly string[]): void {
    const peer = this.peers.get(id);
    if (!peer) return;
    for (const other of peer.wanted) {
      const link = linkOf(id, other);
      if (!peers.includes(other) && this.#links.has(link)) this.breakLink(link);
    }
    peer.wanted = peers;
    for (const other of peers) this.#connect(id, other);
  }

  /** A link opens once both ends want it. */
  #connect(a: string, b: string): void {
    const link = linkOf(a, b);
    const isWanted = () => this.peers.get(a)?.wanted.includes(b) && this.peers.get(b)?.wanted.includes(a);
    if (this.cut.has(link) || !isWanted()) return;
    this.#queue(`connect ${link}`, () => {
      if (this.#links.has(link) || this.cut.has(link) || !isWanted()) return;
      this.#links.add(link);
      this.#queue(`link ${a}`, () => this.peers.get(a)?.machine.linked(b));
      this.#queue(`link ${b}`, () => this.peers.get(b)?.machine.linked(a));
    });
  }

  #queue(name: string, then: () => void): void {
    const queue = this.#queues.get(name) ?? [];
    queue.push(then);
    this.#queues.set(name, queue);
  }
}

const linkOf = (a: string, b: string) => (a < b ? `${a}|${b}` : `${b}|${a}`);

function hears(machine: RoomMembership, from: string): boolean {
  try {
    machine.receive(from, { t: 'here' });
    return true;
  } catch {
    return false;
  }
}

const flushPromises = async () => {
  for (let turn = 0; turn < 8; turn++) await Promise.resolve();
};

export const inside = (room: SimRoom) => [...room.peers.values()].map(({ joined }) => joined);

/** All willing peers train in one and the same generation. */
export function expectTogether(room: SimRoom, order?: readonly string[]): void {
  const willing = [...room.peers.values()].filter(({ presence }) => presence.state === 'willing');
  const [first] = willing;
  if (!first) return;
  expect([...(first.joined?.peers ?? [])].sort()).toEqual(willing.map(({ id }) => id).sort());
  if (order) expect(first.joined?.peers).toEqual(order);
  for (const { joined } of willing) {
    expect(joined).toMatchObject({
      number: first.joined!.number,
      peers: first.joined!.peers,
      plan: first.joined!.plan,
    });
    expect(joined!.signal.aborted).toBe(false);
  }
}

export async function roomOf(count: number): Promise<SimRoom> {
  const room = new SimRoom();
  for (let n = 1; n <= count; n++) room.add(n);
  await room.settle();
  return room;
}
