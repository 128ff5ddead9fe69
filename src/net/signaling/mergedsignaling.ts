/**
 * Combines several media into one room: tabs of one browser need no server, and other machines are reached through it.
 * For every peer that the first medium (BroadcastChannel) has met, only that medium decides whether the peer is here,
 * because it observes the peer's own lock.
 */

import { Listeners } from '../../listeners';
import type { PeerId } from '../../plan/mesh';
import type { Presence, RelayAddress, Signaling } from './signaling';

export class MergedSignaling implements Signaling {
  readonly self: PeerId;
  readonly met: Promise<void>;
  readonly #rosters: Array<ReadonlyMap<PeerId, Presence>>;
  readonly #metByFirst = new Set<PeerId>();
  readonly #changes = new Listeners<[ReadonlyMap<PeerId, Presence>]>();
  readonly #stops: Array<() => void> = [];

  /** `media`: in order of preference, all opened by the same peer. */
  constructor(private readonly media: readonly [Signaling, ...Signaling[]]) {
    this.self = media[0].self;
    this.met = Promise.all(media.map(({ met }) => met)).then(() => {});
    this.#rosters = media.map(() => new Map());
    media.forEach((medium, index) => {
      const stop = medium.onRoster((roster) => {
        this.#rosters[index] = roster;
        if (index === 0) for (const peer of roster.keys()) this.#metByFirst.add(peer);
        this.#changes.tell(this.#merged());
      });
      this.#stops.push(stop);
    });
  }

  get iceServers(): readonly RTCIceServer[] {
    return this.media.flatMap(({ iceServers = [] }) => iceServers);
  }

  get relay(): RelayAddress | undefined {
    return this.media.find(({ relay }) => relay)?.relay;
  }

  announce(presence: Presence): void {
    for (const medium of this.media) medium.announce(presence);
  }

  send(to: PeerId, message: unknown): void {
    this.media.find((_, index) => this.#rosters[index]?.has(to))?.send(to, message);
  }

  onMessage(listener: (from: PeerId, message: unknown) => void): () => void {
    return all(this.media.map((medium) => medium.onMessage(listener)));
  }

  onRoster(listener: (roster: ReadonlyMap<PeerId, Presence>) => void): () => void {
    listener(this.#merged());
    return this.#changes.add(listener);
  }

  onTrouble(listener: (sentence: string) => void): () => void {
    return all(this.media.map((medium) => medium.onTrouble(listener)));
  }

  close(): void {
    for (const stop of this.#stops) stop();
    for (const medium of this.media) medium.close();
  }

  #merged(): ReadonlyMap<PeerId, Presence> {
    const merged = new Map<PeerId, Presence>();
    this.#rosters.forEach((roster, index) => {
      for (const [peer, presence] of roster) {
        const isGone = index > 0 && this.#metByFirst.has(peer);
        if (!merged.has(peer) && !isGone) merged.set(peer, presence);
      }
    });
    return merged;
  }
}

const all = (stops: ReadonlyArray<() => void>) => () => {
  for (const stop of stops) stop();
};
