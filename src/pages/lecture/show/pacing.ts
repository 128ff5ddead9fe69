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

/** The pace of `ranks` in ms as text, from the least to the most; '' where one is not paced. */
export function pacedTo(ranks: readonly Pick<RankView, 'handicap'>[]): string {
  const paces = ranks.map(({ handicap }) => handicap.unitMs);
  return paces.length > 0 && paces.every((one) => one > 0) ? spanOf(paces) : '';
}

/** What slows the links of `ranks` on purpose, '' where nothing does. */
export function slowLinksOf(ranks: readonly Pick<RankView, 'handicap'>[]): string {
  const latencies = ranks.map(({ handicap }) => handicap.latencyMs);
  const rates = ranks.map(({ handicap }) => handicap.mbitPerSecond).filter((rate) => rate > 0);
  return [
    latencies.some((ms) => ms > 0) ? `+${spanOf(latencies)} ms` : '',
    rates.length > 0 ? `${spanOf(rates)} Mbit/s` : '',
  ]
    .filter(Boolean)
    .join(', ');
}

function spanOf(values: readonly number[]): string {
  const [least, most] = [Math.min(...values), Math.max(...values)];
  return least === most ? `${least}` : `${least} to ${most}`;
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
