/**
 * The Transport over WebRTC data channels: one Link per peer, one mailbox, one heartbeat timer. It needs only open
 * channels, so it runs in a Worker, in a page and in Node. It opens no connections: connectPeer (webrtc.ts) does.
 */
import { PeerLost } from '../../errors';
import { Listeners } from '../../listeners';
import type { PeerId } from '../../plan/mesh';
import { messageBytes } from './frames';
import { type Channel, DEAD_MS, type Link } from './link';
import { Mailbox, parseTag } from './mailbox';
import { PeerLinks } from './peerlinks';
import { type LinkShape, UNSHAPED } from './shaper';
import type { LinkKind, LinkStats, Transport } from './transport';

/** Silence is counted in steps of TICK_MS; every second step sends a heartbeat. */
const TICK_MS = 500;

export interface LinkTransport extends Transport {
  /** Use these two channels to `peer` from now on; they may still be opening. An earlier link of `peer` is ended. */
  addLink(peer: PeerId, bulk: Channel, control: Channel, kind?: LinkKind): void;
  /** End the link to `peer`. Pending sends and receives reject with PeerLost and `reason`. */
  drop(peer: PeerId, reason: string): void;
  /** End the link to `peer` with `reason` unless a frame arrives on it within `withinMs`. */
  question(peer: PeerId, withinMs: number, reason: string): void;
  /** Send `peer` a text (at most 64 KB) ahead of queued bulk. False if it is too long or no link to `peer` is open. */
  say(peer: PeerId, text: string): boolean;
  /** Calls `listener` for each text of a peer. Data from the network. Returns the function that stops it. */
  onSaid(listener: (peer: PeerId, text: string) => void): () => void;
  /** Set an artificial delay and rate for the frames that all present and later links of this peer send (shaper.ts). */
  shape(shape: LinkShape): void;
  /** Count a peer as lost after `deadMs` of silence instead of 5 s. For runs where another witness sees deaths. */
  waitLonger(deadMs: number): void;
  /** Calls `listener` when an open link has been silent for 3 s, and when a frame comes again. At 5 s it is lost. */
  onSuspect(listener: (peer: PeerId, isSuspect: boolean) => void): () => void;
  /** Calls `listener` once per lost link, with the reason that PeerLost carries. */
  onLost(listener: (peer: PeerId, reason: string) => void): () => void;
}

/** A transport without links. `maxEarlyBytes` limits the bytes that one peer may send before they are received. */
export function linkTransport(options: { readonly self: PeerId; readonly maxEarlyBytes?: number }): LinkTransport {
  return new Links(options.self, new Mailbox(options.maxEarlyBytes));
}

class Links implements LinkTransport {
  readonly #links = new Map<PeerId, PeerLinks>();
  readonly #peers = new Listeners<[present: ReadonlySet<PeerId>]>();
  readonly #suspects = new Listeners<[peer: PeerId, isSuspect: boolean]>();
  readonly #lost = new Listeners<[peer: PeerId, reason: string]>();
  readonly #said = new Listeners<[peer: PeerId, text: string]>();
  #timer: ReturnType<typeof setInterval> | undefined;
  #shape = UNSHAPED;
  #deadMs = DEAD_MS;

  constructor(
    readonly self: PeerId,
    readonly mailbox: Mailbox,
  ) {}

  addLink(peer: PeerId, bulk: Channel, control: Channel, kind: LinkKind = 'direct'): void {
    if (!this.#links.get(peer)?.joins(kind)) this.drop(peer, 'a newer connection took its place');
    const links = this.#links.get(peer) ?? this.#linksTo(peer);
    links.add(bulk, control, kind).shape(this.#shape);
    this.#timer ??= this.#startHeartbeats();
  }

  #linksTo(peer: PeerId): PeerLinks {
    this.mailbox.add(peer);
    const links = new PeerLinks(peer, {
      deliver: (tag, generation, payload) => this.mailbox.deliver(peer, tag, generation, payload),
      opened: () => this.#tellPeers(),
      said: (text) => this.#said.tell(peer, text),
      suspect: (isSuspect) => this.#suspects.tell(peer, isSuspect),
      lost: (reason) => this.#lose(peer, reason),
    });
    this.#links.set(peer, links);
    return links;
  }

  drop(peer: PeerId, reason: string): void {
    this.#links.get(peer)?.end(reason);
  }

  question(peer: PeerId, withinMs: number, reason: string): void {
    const link = this.#linkTo(peer);
    const heard = link?.heard;
    setTimeout(() => {
      if (link && this.#linkTo(peer) === link && link.heard === heard) link.end(reason);
    }, withinMs);
  }

  say(peer: PeerId, text: string): boolean {
    return this.#linkTo(peer)?.say(text) ?? false;
  }

  onSaid(listener: (peer: PeerId, text: string) => void): () => void {
    return this.#said.add(listener);
  }

  shape(shape: LinkShape): void {
    this.#shape = shape;
    for (const link of this.#all()) link.shape(shape);
  }

  waitLonger(deadMs: number): void {
    this.#deadMs = deadMs;
  }

  async send(to: PeerId, tag: string, payload: Uint8Array): Promise<void> {
    this.mailbox.refuseStale(parseTag(tag).generation);
    const link = this.#linkTo(to);
    if (!link) throw new PeerLost(to, 'there is no link to it');
    await link.send(tag, payload);
  }

  sizeOf(tag: string, payloadBytes: number): number {
    return messageBytes(tag, payloadBytes);
  }

  recv(from: PeerId, tag: string, signal: AbortSignal): Promise<Uint8Array> {
    return this.mailbox.recv(from, tag, signal);
  }

  release(from: PeerId, payload: Uint8Array): void {
    this.#linkTo(from)?.release(payload);
  }

  enterGeneration(generation: number): void {
    this.mailbox.enterGeneration(generation);
    for (const link of this.#all()) link.dropBelow(generation);
  }

  onPeers(listener: (present: ReadonlySet<PeerId>) => void): () => void {
    listener(this.#present());
    return this.#peers.add(listener);
  }

  onSuspect(listener: (peer: PeerId, isSuspect: boolean) => void): () => void {
    return this.#suspects.add(listener);
  }

  onLost(listener: (peer: PeerId, reason: string) => void): () => void {
    return this.#lost.add(listener);
  }

  stats(): readonly LinkStats[] {
    return [...this.#links.values()].map((links) => links.stats).filter((stats) => stats !== undefined);
  }

  async flush(): Promise<void> {
    await Promise.all(this.#all().map((link) => link.flush()));
  }

  close(): void {
    for (const link of this.#all()) link.bye();
  }

  /** The link to `peer` that is in use. */
  #linkTo(peer: PeerId): Link | undefined {
    return this.#links.get(peer)?.current;
  }

  #all(): readonly Link[] {
    return [...this.#links.values()].flatMap(({ all }) => all);
  }

  #present(): ReadonlySet<PeerId> {
    return new Set([...this.#links.values()].filter(({ current }) => current?.isOpen).map(({ peer }) => peer));
  }

  #tellPeers(): void {
    this.#peers.tell(this.#present());
  }

  #lose(peer: PeerId, reason: string): void {
    this.#links.delete(peer);
    this.mailbox.lose(peer, reason);
    if (this.#links.size === 0) {
      clearInterval(this.#timer);
      this.#timer = undefined;
    }
    this.#lost.tell(peer, reason);
    this.#tellPeers();
  }

  #startHeartbeats(): ReturnType<typeof setInterval> {
    let last = performance.now();
    let beats = false;
    return setInterval(() => {
      const now = performance.now();
      // why bounded: after this thread has slept, the frames that peers sent meanwhile are still unread
      const elapsedMs = Math.min(now - last, 2 * TICK_MS);
      last = now;
      beats = !beats;
      for (const link of this.#all()) link.tick(elapsedMs, beats, this.#deadMs);
    }, TICK_MS);
  }
}
