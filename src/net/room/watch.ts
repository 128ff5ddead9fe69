/** Decides which pages connect for watching: a page that draws the room with each page that it draws. Pure. */
import type { PeerId } from '../../plan/mesh';
import type { Presence } from '../signaling/signaling';

/** One open connection between a watching page and a watched one. */
export interface WatchLink {
  readonly peer: PeerId;
  readonly kind: 'direct' | 'relayed';
  /** Send a message of at most 64 KB. Dropped once the connection has ended. */
  send(message: string | Uint8Array): void;
  onMessage(listener: (message: string | Uint8Array) => void): void;
  /** Bytes that `send` has accepted and that are not yet on the network. */
  bufferedBytes(): number;
  onClose(listener: (reason: string) => void): void;
}

/** A watched page serves at most this many watchers. Further watchers receive nothing and should say so. */
const MAX_WATCHERS = 8;
/** A watching page connects to at most this many pages; those that take part come first. */
const MAX_WATCHED = 64;

/** The watching pages that are served, signal pages first. Both ends of a connection compute the same result. */
function watchersOf(roster: ReadonlyMap<PeerId, Presence>): readonly PeerId[] {
  const all = [...roster.values()].filter(({ watch }) => watch);
  all.sort((a, b) => Number(b.signal ?? false) - Number(a.signal ?? false) || (a.peer < b.peer ? -1 : 1));
  return all.slice(0, MAX_WATCHERS).map(({ peer }) => peer);
}

/** The peers to which `self` holds a watching connection, as the watcher or as the watched page. */
export function watchedBy(self: PeerId, roster: ReadonlyMap<PeerId, Presence>): readonly PeerId[] {
  const watchers = watchersOf(roster);
  const watched = [...roster.values()].filter(({ watch }) => !watch);
  const idle = (presence: Presence) => Number(presence.state === 'observer');
  watched.sort((a, b) => idle(a) - idle(b) || (a.peer < b.peer ? -1 : 1));
  const ids = watched.slice(0, MAX_WATCHED).map(({ peer }) => peer);
  if (watchers.includes(self)) return ids;
  return ids.includes(self) ? watchers : [];
}
