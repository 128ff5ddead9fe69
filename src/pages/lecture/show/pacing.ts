/**
 * Pacing. Tabs of one machine share its processor and graphics chip, so their unpaced times show the chip and not the
 * plan. Unless the lecturer wants the bare machine, a paced tab waits until a sample's pass through a block has taken
 * at least the pace. The page says so wherever it draws paced tabs.
 */
import { signal } from '@preact/signals';
import type { PeerId } from '../../tab';
import type { Handicap, RankView } from '../facts/feed';

/** Longer than a pass on a processor that four tabs share (docs/lecturers.md); a step still takes about a second. */
export const PACE_MS = 5;

/** Peers that share their machine with another of `machines`. */
export function crowdedOf(machines: ReadonlyMap<PeerId, string | undefined>): readonly PeerId[] {
  const all = [...machines];
  return all.flatMap(([peer, machine]) => {
    const isShared = machine !== undefined && all.some(([other, of]) => other !== peer && of === machine);
    return isShared ? [peer] : [];
  });
}

/** The common pace of all `ranks` in ms, 0 where one is not paced or they differ. */
export function commonPace(ranks: readonly Pick<RankView, 'handicap'>[]): number {
  const [first, ...rest] = ranks.map(({ handicap }) => handicap.unitMs);
  return first !== undefined && rest.every((one) => one === first) ? first : 0;
}

/** `handicap` with a change; a change of links that does not say which holds for all. */
export function changed(handicap: Handicap, change: Partial<Handicap>): Handicap {
  const isOfLinks = change.latencyMs !== undefined || change.mbitPerSecond !== undefined;
  return { ...handicap, ...(isOfLinks && { links: 'all' as const }), ...change };
}

export class Pacing {
  /** Pace in ms; 0 means the bare machine. */
  readonly paceMs = signal(PACE_MS);
  readonly #told = new Set<PeerId>();

  constructor(
    /** The present handicap of a tab; `give` sets another one. */
    private readonly handicapOf: (peer: PeerId) => Handicap,
    private readonly give: (peer: PeerId, handicap: Handicap) => void,
  ) {}

  /** Pace the tabs that share a machine. Each is paced only once, so that later changes of its knobs are kept. */
  follow(crowded: readonly PeerId[]): void {
    for (const peer of crowded) {
      if (this.#told.has(peer)) continue;
      this.#told.add(peer);
      if (this.paceMs.peek() > 0) this.#tell(peer);
    }
  }

  /** Set the pace of every tab that shares or has shared a machine; 0 removes it. */
  set(paceMs: number): void {
    this.paceMs.value = paceMs;
    for (const peer of this.#told) this.#tell(peer);
  }

  #tell(peer: PeerId): void {
    this.give(peer, { ...this.handicapOf(peer), unitMs: this.paceMs.peek() });
  }
}
