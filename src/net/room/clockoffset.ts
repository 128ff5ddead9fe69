/**
 * What to add to another page's clock to get this page's: each exchange bounds it (its answer was given between the
 * question and the answer's arrival), the bounds of the newest exchanges are intersected. No decision of the training
 * uses it; it aligns traces.
 */

/** Exchanges that count; older ones would hold a drifting clock to its old place. */
const KEPT = 16;

interface Bounds {
  readonly low: number;
  readonly high: number;
}

export class ClockOffset {
  #kept: Bounds[] = [];

  /** Asked at `sentMs` and answered at `receivedMs` of this clock, `remoteMs` of the other. */
  add(sentMs: number, remoteMs: number, receivedMs: number): void {
    if (!(receivedMs >= sentMs) || !Number.isFinite(remoteMs)) return;
    this.#kept = [...this.#kept.slice(1 - KEPT), { low: sentMs - remoteMs, high: receivedMs - remoteMs }];
  }

  /** Whether there was an exchange at all. */
  get isKnown(): boolean {
    return this.#kept.length > 0;
  }

  /** Half the width of what the exchanges leave open, ms. */
  get errorMs(): number {
    const { low, high } = this.#bounds();
    return (high - low) / 2;
  }

  /** 0 where the two clocks may be one (tabs of one browser), else the middle of what is possible. */
  get ms(): number {
    const { low, high } = this.#bounds();
    return low <= 0 && high >= 0 ? 0 : (low + high) / 2;
  }

  #bounds(): Bounds {
    let both: Bounds = { low: Number.NEGATIVE_INFINITY, high: Number.POSITIVE_INFINITY };
    // From the newest on: where a clock was set meanwhile, older exchanges contradict and are left out.
    for (const { low, high } of [...this.#kept].reverse()) {
      const next = { low: Math.max(both.low, low), high: Math.min(both.high, high) };
      if (next.low > next.high) break;
      both = next;
    }
    return both;
  }
}
