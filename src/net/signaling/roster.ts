/** The live peers of one medium and the listeners to changes. Every signaling implementation uses it. */
import type { PeerId } from '../../plan/mesh';
import type { Presence } from './signaling';

export class Listeners<Arguments extends readonly unknown[]> {
  readonly #all = new Set<(...args: Arguments) => void>();

  add(listener: (...args: Arguments) => void): () => void {
    this.#all.add(listener);
    return () => this.#all.delete(listener);
  }

  tell(...args: Arguments): void {
    for (const listener of this.#all) listener(...args);
  }
}

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
