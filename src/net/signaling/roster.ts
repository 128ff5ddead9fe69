/** The live peers of one medium, with listeners to changes. Every signaling implementation uses it. */
import { Listeners } from '../../listeners';
import type { PeerId } from '../../plan/mesh';
import type { Presence } from './signaling';

export class Roster {
  readonly #peers = new Map<PeerId, Presence>();
  readonly #listeners = new Listeners<[ReadonlyMap<PeerId, Presence>]>();

  get peers(): ReadonlyMap<PeerId, Presence> {
    return this.#peers;
  }

  set(presence: Presence): void {
    this.#peers.set(presence.peer, presence);
    this.#listeners.tell(this.#peers);
  }

  delete(peer: PeerId): void {
    if (this.#peers.delete(peer)) this.#listeners.tell(this.#peers);
  }

  onChange(listener: (peers: ReadonlyMap<PeerId, Presence>) => void): () => void {
    listener(this.#peers);
    return this.#listeners.add(listener);
  }
}
