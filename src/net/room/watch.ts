/** Who is connected to whom for watching: between a page that draws the room and a page that is drawn. Pure. */
import type { PeerId } from '../../plan/mesh';
import type { Presence } from '../signaling/signaling';

/** One connection of a watching page with a watched one; it stands when it is handed out. */
export interface WatchLink {
  readonly peer: PeerId;
  /** Dropped once the connection has ended. At most 64 KB. */
  send(message: string | Uint8Array): void;
  onMessage(listener: (message: string | Uint8Array) => void): void;
  /** Bytes given to `send` and not yet to the network. */
  bufferedBytes(): number;
  onClose(listener: (reason: string) => void): void;
}

/** A watched page tells at most this many; further ones are watching in vain and should say so. */
export const MAX_WATCHERS = 8;
/** A watching page connects to at most this many; those who take part come first. */
export const MAX_WATCHED = 64;

/** The pages that are served, signal pages first. Both ends of a connection come to the same result. */
export function watchersOf(roster: ReadonlyMap<PeerId, Presence>): readonly PeerId[] {
  const all = [...roster.values()].filter(({ watch }) => watch);
  all.sort((a, b) => Number(b.signal ?? false) - Number(a.signal ?? false) || (a.peer < b.peer ? -1 : 1));
  return all.slice(0, MAX_WATCHERS).map(({ peer }) => peer);
}

/** The peers `self` holds a watching connection to, in one of the two roles. */
export function watchedBy(self: PeerId, roster: ReadonlyMap<PeerId, Presence>): readonly PeerId[] {
  const watchers = watchersOf(roster);
  const watched = [...roster.values()].filter(({ watch }) => !watch);
  const idle = (presence: Presence) => Number(presence.state === 'observer');
  watched.sort((a, b) => idle(a) - idle(b) || (a.peer < b.peer ? -1 : 1));
  const ids = watched.slice(0, MAX_WATCHED).map(({ peer }) => peer);
  if (watchers.includes(self)) return ids;
  return ids.includes(self) ? watchers : [];
}
