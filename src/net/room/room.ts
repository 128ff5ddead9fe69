/**
 * A room as one peer sees it: the peers, messages to them, and one connection to every peer it wants a link to.
 * RTCPeerConnections are created here, in the page or in Node; the traffic of their data channels is handled elsewhere.
 */
import { Listeners } from '../../listeners';
import type { PeerId } from '../../plan/mesh';
import type { RelayKeys } from '../relay/relaykeys';
import type { LinkWays, Presence, RelayAddress, Signaling } from '../signaling/signaling';
import type { Broker } from './broker';
import type { connectFar } from './connectfar';
import type { Connection } from './connection';
import { connectNear, type NearPorts, nearSignal } from './connectnear';
import { readEnvelope } from './envelope';
import { type Attempt, Linker } from './linker';
import { type WatchLink, watchedBy } from './watch';
import type { watchFar } from './watchfar';
import type { ConnectOptions, PeerConnection } from './webrtc';

/**
 * The two channels of one link: negotiated data channels, handed over in the task that created them, ports, or what is
 * needed to make them through the server's relay.
 */
export type LinkChannels = { readonly peer: PeerId } & (
  | { readonly kind: 'direct'; readonly control: RTCDataChannel; readonly bulk: RTCDataChannel }
  | ({ readonly kind: 'near' } & NearPorts)
  | { readonly kind: 'relayed'; readonly relay: RelayAddress; readonly keys: RelayKeys }
);

/** connectPeer of webrtc.ts, or what a test puts in its place. */
type Connect = (options: ConnectOptions) => PeerConnection;

/** The kind of link, as in RunFile.links. */
type LinkMode = 'near' | 'webrtc';

export interface Room {
  readonly self: PeerId;
  readonly ways: LinkWays;
  /** Settles when the peers that were here before are known, or cannot be reached. */
  readonly met: Promise<void>;
  /** All peers that are here, this one included. */
  readonly roster: ReadonlyMap<PeerId, Presence>;
  /** Change the presence of this peer and tell the room. */
  announce(change: Partial<Omit<Presence, 'peer' | 'build'>>): void;
  /** Send a membership message; dropped when the peer is not here. */
  send(to: PeerId, message: unknown): void;
  onMessage(listener: (from: PeerId, message: unknown) => void): () => void;
  /** Calls `listener` now and at every change. */
  onRoster(listener: (roster: ReadonlyMap<PeerId, Presence>) => void): () => void;
  /** Hold connections to exactly these peers from now on. Closes others; renews those whose kind `mode` changes. */
  want(peers: readonly PeerId[], mode: LinkMode): void;
  /** Close the connection to `peer`. A new one is made while the peer is wanted. */
  renew(peer: PeerId): void;
  /** Called synchronously in the task that created the channels, so that they can be transferred. */
  onChannels(listener: (channels: LinkChannels) => void): () => void;
  /** Calls `listener` when a connection has failed or was closed. It is tried again while it is wanted. */
  onUnlinked(listener: (peer: PeerId, reason: string) => void): () => void;
  /** Calls `listener` when a connection between a watching and a watched page opens. It carries no tensors. */
  onWatchLink(listener: (link: WatchLink) => void): () => void;
  /** Send a sealed order from a lecturer's page to another page, or a vote to it. The receiver decides whether to obey. */
  order(to: PeerId, order: unknown): void;
  onOrder(listener: (from: PeerId, order: unknown) => void): () => void;
  /** Calls `listener` with a sentence when the room has trouble, and with '' when it works again. */
  onTrouble(listener: (sentence: string) => void): () => void;
  close(): void;
}

export interface RoomOptions {
  readonly signaling: Signaling;
  /** The presence with which `signaling` was opened. */
  readonly presence: Presence;
  /** Loads what makes WebRTC connections. Called once a peer is wanted. */
  readonly loadConnect: () => Promise<Connect>;
  /** Absent where ports to other pages are impossible: in a program, or in a browser without SharedWorkers. */
  readonly near?: { readonly broker: Broker; readonly page: string };
}

const NOT_LOADED =
  'The code that connects tabs could not be loaded: is the server still running? Reload this page to connect.';

export function openRoom(options: RoomOptions): Room {
  return new SignaledRoom(options);
}

class SignaledRoom implements Room {
  readonly self: PeerId;
  readonly met: Promise<void>;
  readonly #signaling: Signaling;
  readonly #linker: Linker<Connection>;
  readonly #watchLinker: Linker<Connection>;
  readonly #near: RoomOptions['near'];
  /** Peers of this browser to which a connection by ports has failed. */
  readonly #far = new Set<PeerId>();
  readonly #loadConnect: RoomOptions['loadConnect'];
  #connectPeer: Connect | undefined;
  #connectFar: typeof connectFar | undefined;
  #watchFar: typeof watchFar | undefined;
  #loading: 'no' | 'yes' | 'failed' = 'no';
  /** What `want` said last, and the peers to watch. The linkers learn of them once #connectPeer is loaded. */
  #wanted: { readonly peers: readonly PeerId[]; readonly mode: LinkMode } = { peers: [], mode: 'webrtc' };
  #watched: readonly PeerId[] = [];
  #mode: LinkMode = 'webrtc';
  readonly #messages = new Listeners<[PeerId, unknown]>();
  readonly #channels = new Listeners<[LinkChannels]>();
  readonly #unlinked = new Listeners<[PeerId, string]>();
  readonly #watchLinks = new Listeners<[WatchLink]>();
  readonly #orders = new Listeners<[PeerId, unknown]>();
  readonly #trouble = new Listeners<[string]>();
  #presence: Presence;
  #roster: ReadonlyMap<PeerId, Presence> = new Map();

  constructor({ signaling, presence, loadConnect, near }: RoomOptions) {
    this.self = presence.peer;
    this.met = signaling.met;
    this.#signaling = signaling;
    this.#presence = presence;
    this.#near = near;
    this.#loadConnect = loadConnect;
    this.#linker = new Linker<Connection>({
      self: this.self,
      connect: (peer, attempt) => this.#connect(peer, attempt),
      send: (to, { attempt, data }) => signaling.send(to, { k: 'link', attempt, data }),
      // why nothing: #connect passes the channels on
      opened: () => {},
      closed: (peer, reason) => this.#unlinked.tell(peer, reason),
      exhausted: (sentence) => this.#trouble.tell(sentence),
    });
    this.#watchLinker = new Linker<Connection>({
      self: this.self,
      connect: (peer, { initiator, onSignal }) =>
        this.#watchFar!({
          ...{ self: this.self, peer, initiator, onSignal },
          connectDirectly: (given) => this.#connectDirectly(given),
          relay: () => signaling.relay,
          onLink: (link) => this.#watchLinks.tell(link),
        }),
      send: (to, { attempt, data }) => signaling.send(to, { k: 'watch', attempt, data }),
      opened: () => {},
      closed: () => {},
      exhausted: (sentence) => this.#trouble.tell(sentence),
    });
    signaling.onRoster((roster) => {
      this.#roster = roster;
      this.#watched = watchedBy(this.self, roster);
      this.#hold();
    });
    signaling.onTrouble((sentence) => {
      // why: signals of the attempts so far were lost with the server, or its relay was
      if (sentence === '') for (const linker of [this.#linker, this.#watchLinker]) linker.again();
    });
    signaling.onMessage((from, message) => {
      const said = readEnvelope(message);
      // Ignore malformed messages. Only holders of the room's secret can send one.
      if (!said) return;
      if (said.k === 'link') this.#linker.receive(from, said);
      else if (said.k === 'watch') this.#watchLinker.receive(from, said);
      else if (said.k === 'order') this.#orders.tell(from, said.order);
      else this.#messages.tell(from, said.message);
    });
  }

  get ways(): LinkWays {
    return { iceServers: this.#signaling.iceServers ?? [], relays: this.#signaling.relay !== undefined };
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
    this.#wanted = { peers, mode };
    this.#hold();
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

  /** Whether `peer` announces the same machine and no connection by ports to it has failed. */
  #isMate(peer: PeerId): boolean {
    const { machine } = this.#presence;
    return machine !== undefined && machine === this.#roster.get(peer)?.machine && !this.#far.has(peer);
  }

  /** Hold the wanted connections, from the moment that connectPeer is loaded. */
  #hold(): void {
    const { peers, mode } = this.#wanted;
    if (!this.#connectPeer) {
      if (peers.length + this.#watched.length > 0) void this.#load();
      return;
    }
    const isOther = mode !== this.#mode;
    this.#mode = mode;
    if (isOther) for (const peer of peers) if (this.self < peer && this.#isMate(peer)) this.#linker.renew(peer);
    this.#linker.want(peers);
    if (this.#watchFar || this.#watched.length === 0) this.#watchLinker.want(this.#watched);
    else void this.#load();
  }

  /** After a failure it is tried again at the next change of what is wanted. */
  async #load(): Promise<void> {
    if (this.#loading === 'yes') return;
    const hadFailed = this.#loading === 'failed';
    this.#loading = 'yes';
    try {
      this.#connectFar = (await import('./connectfar')).connectFar;
      if (this.#watched.length > 0) this.#watchFar = (await import('./watchfar')).watchFar;
      this.#connectPeer ??= await this.#loadConnect();
    } catch {
      this.#loading = 'failed';
      this.#trouble.tell(NOT_LOADED);
      return;
    }
    this.#loading = 'no';
    if (hadFailed) this.#trouble.tell('');
    this.#hold();
  }

  /** Make a connection. The end that offers decides its kind. */
  #connect(peer: PeerId, attempt: Attempt): Connection {
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
    return this.#connectFar!({
      self: this.self,
      peer,
      initiator,
      onSignal,
      connectDirectly: (given) => this.#connectDirectly(given),
      onDirect: ({ bulk, control }) => this.#channels.tell({ peer, kind: 'direct', bulk, control }),
      canRelay: () => this.ways.relays,
      onRelayed: (keys) => this.#channels.tell({ peer, kind: 'relayed', relay: this.#signaling.relay!, keys }),
    });
  }

  #connectDirectly(options: Pick<ConnectOptions, 'initiator' | 'onSignal'>): PeerConnection {
    return this.#connectPeer!({ ...options, iceServers: this.ways.iceServers });
  }
}
