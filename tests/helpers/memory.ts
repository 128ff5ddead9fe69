/**
 * Many ranks in one process: a Transport whose links have a latency and a rate and can break, for tests and for runs
 * that are cut inside one program. Latency is seeded, so a schedule of arrivals can be repeated. No frames, no windows.
 */
import { PeerLost } from '../../src/errors';
import { Mailbox, parseTag } from '../../src/net/wire/mailbox';
import type { LinkStats, Tag, Transport } from '../../src/net/wire/transport';
import type { PeerId } from '../../src/plan/mesh';

export interface MemoryOptions {
  /** One way, every link. */
  readonly latencyMs?: number;
  /** Added to each message's latency: uniform in [0, jitterMs), drawn from `seed`. Order within a link is kept. */
  readonly jitterMs?: number;
  /** Of each directed link; absent means unlimited. */
  readonly bytesPerMs?: number;
  readonly seed?: number;
  /** Names of the peers; `p0`, `p1`, ... when absent. */
  readonly peers?: readonly PeerId[];
}

export interface MemoryTransport extends Transport {
  /** Dies without a message: every other peer gets PeerLost at once, and messages on their way are lost. */
  kill(): void;
}

/** Make `n` transports joined to each other. */
export function memoryTransports(n: number, options: MemoryOptions = {}): MemoryTransport[] {
  const peers = options.peers ?? Array.from({ length: n }, (_, i) => `p${i}`);
  const wires = new Wires(options);
  const members = new Map<PeerId, Member>();
  for (const peer of peers) members.set(peer, new Member(peer, members, wires));
  for (const a of members.values()) for (const peer of peers) if (peer !== a.self) a.join(peer);
  return [...members.values()];
}

class Member implements MemoryTransport {
  readonly #mailbox = new Mailbox();
  readonly #links = new Map<PeerId, LinkStats>();
  readonly #listeners = new Set<(present: ReadonlySet<PeerId>) => void>();
  readonly #underway = new Set<Promise<void>>();
  #dead = false;

  constructor(
    readonly self: PeerId,
    readonly members: ReadonlyMap<PeerId, Member>,
    readonly wires: Wires,
  ) {}

  join(peer: PeerId): void {
    this.#mailbox.add(peer);
    this.#links.set(peer, {
      peer,
      bytesSent: 0,
      bytesReceived: 0,
      dropped: 0,
      rttMs: 0,
      baseMs: 0,
      bytesPerMs: 0,
      windowBytes: 0,
      kind: 'memory',
    });
  }

  async send(to: PeerId, tag: Tag, payload: Uint8Array): Promise<void> {
    const { generation } = parseTag(tag);
    this.#mailbox.refuseStale(generation);
    const link = this.#links.get(to);
    const receiver = this.members.get(to);
    if (!link || !receiver) throw new PeerLost(to, this.#dead ? 'this peer has left' : 'there is no link to it');
    const copy = payload.slice();
    link.bytesSent += copy.byteLength;
    const journey = this.wires.carry(`${this.self}>${to}`, copy.byteLength);
    const arrived = journey.arrived.then(() => {
      this.#underway.delete(arrived);
      if (!this.#dead) receiver.deliver(this.self, tag, generation, copy);
    });
    this.#underway.add(arrived);
    await journey.taken;
  }

  deliver(from: PeerId, tag: Tag, generation: number, payload: Uint8Array): void {
    const link = this.#links.get(from);
    if (!link) return;
    const delivery = this.#mailbox.deliver(from, tag, generation, payload);
    if (delivery === 'taken' || delivery === 'kept') link.bytesReceived += payload.byteLength;
    else link.dropped++;
  }

  sizeOf(_tag: Tag, payloadBytes: number): number {
    return payloadBytes;
  }

  recv(from: PeerId, tag: Tag, signal: AbortSignal): Promise<Uint8Array> {
    return this.#mailbox.recv(from, tag, signal);
  }

  /** Nothing to release: the garbage collector owns the memory. */
  release(): void {}

  enterGeneration(generation: number): void {
    this.#mailbox.enterGeneration(generation);
  }

  onPeers(listener: (present: ReadonlySet<PeerId>) => void): () => void {
    this.#listeners.add(listener);
    listener(new Set(this.#links.keys()));
    return () => this.#listeners.delete(listener);
  }

  stats(): readonly LinkStats[] {
    return [...this.#links.values()].map((link) => ({ ...link }));
  }

  async flush(): Promise<void> {
    await Promise.all(this.#underway);
  }

  kill(): void {
    this.#leave('it was killed');
  }

  close(): void {
    this.#leave('it said bye');
  }

  #leave(reason: string): void {
    if (this.#dead) return;
    this.#dead = true;
    for (const peer of [...this.#links.keys()]) {
      this.members.get(peer)?.lose(this.self, reason);
      this.lose(peer, 'this peer has left');
    }
  }

  lose(peer: PeerId, reason: string): void {
    if (!this.#links.delete(peer)) return;
    this.#mailbox.lose(peer, reason);
    for (const listener of this.#listeners) listener(new Set(this.#links.keys()));
  }
}

/** The links' clock: when a message has left its sender, and when it arrives. */
class Wires {
  readonly #latencyMs: number;
  readonly #jitterMs: number;
  readonly #bytesPerMs: number;
  #random: number;
  /** Per directed link: when its rate is free again and when its last message arrives. */
  readonly #busy = new Map<string, { free: number; arrival: number; readonly queue: (() => void)[] }>();

  constructor(options: MemoryOptions) {
    this.#latencyMs = options.latencyMs ?? 0;
    this.#jitterMs = options.jitterMs ?? 0;
    this.#bytesPerMs = options.bytesPerMs ?? Number.POSITIVE_INFINITY;
    this.#random = options.seed ?? 1;
  }

  /** `taken` resolves when the last byte is on the link, `arrived` when the message has arrived. */
  carry(link: string, sizeBytes: number): { readonly taken: Promise<void>; readonly arrived: Promise<void> } {
    const now = performance.now();
    const busy = this.#busy.get(link) ?? { free: 0, arrival: 0, queue: [] };
    this.#busy.set(link, busy);
    busy.free = Math.max(now, busy.free) + sizeBytes / this.#bytesPerMs;
    busy.arrival = Math.max(busy.arrival, busy.free + this.#latencyMs + this.#jitterMs * this.#uniform());
    const arrivalMs = busy.arrival - now;
    const takenMs = busy.free - now;
    const arrived = new Promise<void>((resolve) => {
      // why a queue: timers round to whole milliseconds, and a link must not reorder
      busy.queue.push(resolve);
      const next = () => busy.queue.shift()?.();
      if (arrivalMs <= 0) queueMicrotask(next);
      else setTimeout(next, arrivalMs);
    });
    const taken = takenMs <= 0 ? Promise.resolve() : new Promise<void>((resolve) => setTimeout(resolve, takenMs));
    return { taken, arrived };
  }

  /** mulberry32 */
  #uniform(): number {
    this.#random = (this.#random + 0x6d2b79f5) | 0;
    let t = Math.imul(this.#random ^ (this.#random >>> 15), 1 | this.#random);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  }
}
