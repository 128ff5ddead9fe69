/**
 * A room as one peer sees it: who is here, messages to them, and one connection to every peer it wants a link to.
 * RTCPeerConnections live here (page or Node); what goes over their data channels does not.
 */
import * as v from 'valibot';
import type { PeerId } from '../../plan/mesh';
import { Listeners } from '../signaling/roster';
import type { Presence, Signaling } from '../signaling/signaling';
import type { Broker } from './broker';
import type { Connection } from './connection';
import { connectNear, type NearPorts, nearSignal } from './connectnear';
import { type Attempt, Linker } from './linker';
import { type WatchLink, watchedBy } from './watch';
import type { ConnectOptions, PeerConnection } from './webrtc';

/** The two channels of one link: negotiated data channels, handed over in the task that created them, or ports. */
export type LinkChannels = { readonly peer: PeerId } & (
  | { readonly kind: 'direct'; readonly control: RTCDataChannel; readonly bulk: RTCDataChannel }
  | ({ readonly kind: 'near' } & NearPorts)
);

/** As RunFile.links says it. */
type LinkMode = 'near' | 'webrtc';

export interface Room {
  readonly self: PeerId;
  /** Settles when those who were here before have been heard, or cannot be. */
  readonly met: Promise<void>;
  /** Everybody who is here, this peer included. */
  readonly roster: ReadonlyMap<PeerId, Presence>;
  /** Change what the room is told about this peer. */
  announce(change: Partial<Omit<Presence, 'peer' | 'build'>>): void;
  /** A membership message; dropped when the peer is not here. */
  send(to: PeerId, message: unknown): void;
  onMessage(listener: (from: PeerId, message: unknown) => void): () => void;
  /** At every change and once at once. */
  onRoster(listener: (roster: ReadonlyMap<PeerId, Presence>) => void): () => void;
  /** Hold connections to exactly these peers from now on; others are closed, and those that `mode` makes otherwise renewed. */
  want(peers: readonly PeerId[], mode: LinkMode): void;
  /** The link to `peer` is useless: close its connection, and make another while it is wanted. */
  renew(peer: PeerId): void;
  /** Called synchronously in the task that created the channels, so that they can be transferred. */
  onChannels(listener: (channels: LinkChannels) => void): () => void;
  /** A connection has failed or was closed; it is tried again while it is wanted. */
  onUnlinked(listener: (peer: PeerId, reason: string) => void): () => void;
  /** A connection between a watching page and one that is watched, from the moment it stands. No tensor goes over it. */
  onWatchLink(listener: (link: WatchLink) => void): () => void;
  /** What a lecturer's page asks of another page, sealed like everything here; who may ask is for the receiver to judge. */
  order(to: PeerId, order: unknown): void;
  onOrder(listener: (from: PeerId, order: unknown) => void): () => void;
  /** A sentence when the room cannot be used as it should, '' when it can again. */
  onTrouble(listener: (sentence: string) => void): () => void;
  close(): void;
}

export interface RoomOptions {
  readonly signaling: Signaling;
  /** What `signaling` was opened with. */
  readonly presence: Presence;
  readonly connect: (options: ConnectOptions) => PeerConnection;
  /** Absent where this peer has no pages of its browser to talk to: a program, or a browser without SharedWorkers. */
  readonly near?: { readonly broker: Broker; readonly page: string };
}

const signal = { attempt: v.pipe(v.number(), v.integer(), v.minValue(1)), data: v.looseObject({}) };
/** What goes through signaling: how to connect to train (`link`) and to watch, what to agree on, what a lecturer asks. */
const envelope = v.variant('k', [
  v.object({ k: v.literal('link'), ...signal }),
  v.object({ k: v.literal('watch'), ...signal }),
  v.object({ k: v.literal('say'), message: v.unknown() }),
  v.object({ k: v.literal('order'), order: v.unknown() }),
]);

export function openRoom(options: RoomOptions): Room {
  return new SignaledRoom(options);
}

class SignaledRoom implements Room {
  readonly self: PeerId;
  readonly met: Promise<void>;
  readonly #signaling: Signaling;
  readonly #linker: Linker<Connection>;
  readonly #watchLinker: Linker<PeerConnection>;
  readonly #near: RoomOptions['near'];
  /** Peers of this browser that could not be reached by ports. */
  readonly #far = new Set<PeerId>();
  #mode: LinkMode = 'webrtc';
  readonly #messages = new Listeners<[PeerId, unknown]>();
  readonly #channels = new Listeners<[LinkChannels]>();
  readonly #unlinked = new Listeners<[PeerId, string]>();
  readonly #watchLinks = new Listeners<[WatchLink]>();
  readonly #orders = new Listeners<[PeerId, unknown]>();
  readonly #trouble = new Listeners<[string]>();
  #presence: Presence;
  #roster: ReadonlyMap<PeerId, Presence> = new Map();

  constructor({ signaling, presence, connect, near }: RoomOptions) {
    this.self = presence.peer;
    this.met = signaling.met;
    this.#signaling = signaling;
    this.#presence = presence;
    this.#near = near;
    this.#linker = new Linker<Connection>({
      self: this.self,
      connect: (peer, attempt) => this.#connect(peer, attempt, connect),
      send: (to, { attempt, data }) => signaling.send(to, { k: 'link', attempt, data }),
      // why nothing: #connect hands the channels over
      opened: () => {},
      closed: (peer, reason) => this.#unlinked.tell(peer, reason),
      exhausted: (sentence) => this.#trouble.tell(sentence),
    });
    this.#watchLinker = new Linker<PeerConnection>({
      self: this.self,
      connect: (_, { initiator, onSignal }) => connect({ initiator, onSignal }),
      send: (to, { attempt, data }) => signaling.send(to, { k: 'watch', attempt, data }),
      opened: (peer, connection) => this.#openWatch(peer, connection),
      closed: () => {},
      exhausted: (sentence) => this.#trouble.tell(sentence),
    });
    signaling.onRoster((roster) => {
      this.#roster = roster;
      this.#watchLinker.want(watchedBy(this.self, roster));
    });
    signaling.onMessage((from, message) => {
      const parsed = v.safeParse(envelope, message);
      // What is neither is not obeyed; only holders of the room's secret can send it.
      if (!parsed.success) return;
      const said = parsed.output;
      if (said.k === 'link') this.#linker.receive(from, said);
      else if (said.k === 'watch') this.#watchLinker.receive(from, said);
      else if (said.k === 'order') this.#orders.tell(from, said.order);
      else this.#messages.tell(from, said.message);
    });
  }

  get roster(): ReadonlyMap<PeerId, Presence> {
    return this.#roster;
  }

  announce(change: Partial<Omit<Presence, 'peer' | 'build'>>): void {
    this.#presence = { ...this.#presence, ...change };
    this.#signaling.announce(this.#presence);
  }

  send(to: PeerId, message: unknown): void {
    this.#signaling.send(to, { k: 'say', message });
  }

  onMessage(listener: (from: PeerId, message: unknown) => void): () => void {
    return this.#messages.add(listener);
  }

  onRoster(listener: (roster: ReadonlyMap<PeerId, Presence>) => void): () => void {
    return this.#signaling.onRoster(listener);
  }

  want(peers: readonly PeerId[], mode: LinkMode): void {
    const isOther = mode !== this.#mode;
    this.#mode = mode;
    if (isOther) for (const peer of peers) if (this.self < peer && this.#isMate(peer)) this.#linker.renew(peer);
    this.#linker.want(peers);
  }

  renew(peer: PeerId): void {
    this.#linker.renew(peer);
  }

  onChannels(listener: (channels: LinkChannels) => void): () => void {
    return this.#channels.add(listener);
  }

  onUnlinked(listener: (peer: PeerId, reason: string) => void): () => void {
    return this.#unlinked.add(listener);
  }

  onWatchLink(listener: (link: WatchLink) => void): () => void {
    return this.#watchLinks.add(listener);
  }

  order(to: PeerId, order: unknown): void {
    this.#signaling.send(to, { k: 'order', order });
  }

  onOrder(listener: (from: PeerId, order: unknown) => void): () => void {
    return this.#orders.add(listener);
  }

  onTrouble(listener: (sentence: string) => void): () => void {
    const stops = [this.#signaling.onTrouble(listener), this.#trouble.add(listener)];
    return () => {
      for (const stop of stops) stop();
    };
  }

  close(): void {
    this.#linker.close();
    this.#watchLinker.close();
    this.#signaling.close();
  }

  /** `peer` is a page of this browser that may be reached by ports. */
  #isMate(peer: PeerId): boolean {
    const { machine } = this.#presence;
    return machine !== undefined && machine === this.#roster.get(peer)?.machine && !this.#far.has(peer);
  }

  /** The end that offers decides the kind of a connection. */
  #connect(peer: PeerId, attempt: Attempt, connect: RoomOptions['connect']): Connection {
    const { initiator, onSignal, first } = attempt;
    const isNear = initiator ? this.#mode === 'near' && this.#isMate(peer) : nearSignal(first) !== undefined;
    if (this.#near && isNear) {
      return connectNear({
        ...this.#near,
        initiator,
        onSignal,
        onPorts: (ports) => this.#channels.tell({ peer, kind: 'near', ...ports }),
        onFailed: () => this.#far.add(peer),
      });
    }
    const connection = connect({ initiator, onSignal });
    const { bulk, control } = connection;
    this.#channels.tell({ peer, kind: 'direct', bulk, control });
    return connection;
  }

  #openWatch(peer: PeerId, { connected, talk, onClose }: PeerConnection): void {
    connected.then(
      () => this.#watchLinks.tell({ peer, ...talkOf(talk), onClose }),
      // Its end is the linker's to handle: it tries again.
      () => {},
    );
  }
}

/** Getters do not survive a spread. */
const talkOf = (talk: PeerConnection['talk']) => ({
  send: (message: string | Uint8Array) => talk.send(message),
  onMessage: (listener: (message: string | Uint8Array) => void) => talk.onMessage(listener),
  bufferedBytes: () => talk.bufferedBytes,
});
