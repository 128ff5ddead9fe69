/**
 * The offset to add to another page's clock to get this page's clock. Each exchange bounds it, because the other page
 * answered between the question and the arrival of the answer. The bounds of the newest exchanges are intersected. The
 * offset aligns traces; training does not depend on it.
 */

/** Number of exchanges kept. Older ones would give wrong bounds for a clock that drifts. */
const KEPT = 16;

interface Bounds {
  readonly low: number;
  readonly high: number;
}

export class ClockOffset {
  #kept: Bounds[] = [];

  /** Add one exchange: asked at `sentMs` and answered at `receivedMs` of this clock, `remoteMs` of the other clock. */
  add(sentMs: number, remoteMs: number, receivedMs: number): void {
    if (!(receivedMs >= sentMs) || !Number.isFinite(remoteMs)) return;
    this.#kept = [...this.#kept.slice(1 - KEPT), { low: sentMs - remoteMs, high: receivedMs - remoteMs }];
  }

  /** Whether there was an exchange at all. */
  get isKnown(): boolean {
    return this.#kept.length > 0;
  }

  /** Half the width of the interval that contains the offset, ms. */
  get errorMs(): number {
    const { low, high } = this.#bounds();
    return (high - low) / 2;
  }

  /** The offset: 0 if that is possible (tabs of one browser share a clock), else the middle of the interval. */
  get ms(): number {
    const { low, high } = this.#bounds();
    return low <= 0 && high >= 0 ? 0 : (low + high) / 2;
  }

  #bounds(): Bounds {
    let both: Bounds = { low: Number.NEGATIVE_INFINITY, high: Number.POSITIVE_INFINITY };
    // From the newest on: if a clock was set meanwhile, older exchanges contradict newer ones and are left out.
    for (const { low, high } of [...this.#kept].reverse()) {
      const next = { low: Math.max(both.low, low), high: Math.min(both.high, high) };
      if (next.low > next.high) break;
      both = next;
    }
    return both;
  }
}
