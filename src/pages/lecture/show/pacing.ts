/**
 * Tabs of one machine share its processor and graphics chip, so beside each other they show that chip and not the plan.
 * They run at one pace each unless the lecturer wants the bare machine: a pass of a sample through a block takes at least
 * so long, waited for and not computed, and the page says so wherever it draws them.
 */
import { signal } from '@preact/signals';
import type { PeerId } from '../../tab';
import type { Handicap, RankView } from '../facts/feed';

/** Longer than such a pass takes on a processor that four tabs share (docs/lecturers.md), short enough for a step of a second. */
export const PACE_MS = 5;

/** Tabs that share their machine with another one that is here to train. */
export function crowdedOf(machines: ReadonlyMap<PeerId, string | undefined>): readonly PeerId[] {
  const all = [...machines];
  return all.flatMap(([peer, machine]) => {
    const isShared = machine !== undefined && all.some(([other, of]) => other !== peer && of === machine);
    return isShared ? [peer] : [];
  });
}

/** The pace that all of `ranks` keep, 0 where one is bare or they differ. */
export function commonPace(ranks: readonly Pick<RankView, 'handicap'>[]): number {
  const [first, ...rest] = ranks.map(({ handicap }) => handicap.unitMs);
  return first !== undefined && rest.every((one) => one === first) ? first : 0;
}

export class Pacing {
  /** 0: the bare machine. */
  readonly paceMs = signal(PACE_MS);
  readonly #told = new Set<PeerId>();

  constructor(
    /** What a tab has already, and how to give it another pace. */
    private readonly handicapOf: (peer: PeerId) => Handicap,
    private readonly give: (peer: PeerId, handicap: Handicap) => void,
  ) {}

  /** Tabs share a machine: each is given the pace once, so that knobs turned later stay as they are. */
  follow(crowded: readonly PeerId[]): void {
    for (const peer of crowded) {
      if (this.#told.has(peer)) continue;
      this.#told.add(peer);
      if (this.paceMs.peek() > 0) this.#tell(peer);
    }
  }

  /** Give every tab that shares a machine the pace, or take it away. */
  set(paceMs: number): void {
    this.paceMs.value = paceMs;
    for (const peer of this.#told) this.#tell(peer);
  }

  #tell(peer: PeerId): void {
    this.give(peer, { ...this.handicapOf(peer), unitMs: this.paceMs.peek() });
  }
}
