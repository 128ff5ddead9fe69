/**
 * A room as one peer sees it: who is here, messages to them, and one connection to every peer it wants a link to.
 * RTCPeerConnections live here (page or Node); what goes over their data channels does not.
 */
import type { PeerId } from '../plan/mesh';
import type { Presence } from './signaling';

/** The two negotiated data channels of one connection, handed over in the task that created them. */
export interface LinkChannels {
  readonly peer: PeerId;
  readonly control: RTCDataChannel;
  readonly bulk: RTCDataChannel;
}

export interface Room {
  readonly self: PeerId;
  readonly roster: ReadonlyMap<PeerId, Presence>;
  /** Change what the room is told about this peer. */
  announce(change: Partial<Omit<Presence, 'peer' | 'build'>>): void;
  send(to: PeerId, message: unknown): void;
  onMessage(listener: (from: PeerId, message: unknown) => void): () => void;
  /** At every change and once at once. */
  onRoster(listener: (roster: ReadonlyMap<PeerId, Presence>) => void): () => void;
  /** Hold connections to exactly these peers from now on; others are closed. */
  want(peers: readonly PeerId[]): void;
  /** Called synchronously in the task that created the channels, so that they can be transferred. */
  onChannels(listener: (channels: LinkChannels) => void): () => void;
  /** A connection has failed or was closed; it is tried again while it is wanted. */
  onUnlinked(listener: (peer: PeerId, reason: string) => void): () => void;
  onTrouble(listener: (sentence: string) => void): () => void;
  close(): void;
}
