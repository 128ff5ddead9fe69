/** Bytes per step on this tab's links, measured: the difference of the transport's own counters over the last steps. */
import type { LinkStats, PeerId } from '../tab';

export interface LinkRate {
  readonly sentPerStep: number;
  readonly receivedPerStep: number;
}

interface Reading {
  readonly step: number;
  readonly sent: number;
  readonly received: number;
}

const WINDOW_STEPS = 20;

export class LinkMeter {
  readonly #readings = new Map<PeerId, Reading[]>();

  /** Records the counters at `step` and returns the rates over the window; a link with one reading has none. */
  read(links: readonly LinkStats[], step: number): ReadonlyMap<PeerId, LinkRate> {
    const rates = new Map<PeerId, LinkRate>();
    const live = new Set(links.map(({ peer }) => peer));
    for (const peer of this.#readings.keys()) if (!live.has(peer)) this.#readings.delete(peer);
    for (const link of links) {
      const rate = rateOf(this.#add(link, step));
      if (rate) rates.set(link.peer, rate);
    }
    return rates;
  }

  #add({ peer, bytesSent, bytesReceived }: LinkStats, step: number): readonly Reading[] {
    const reading = { step, sent: bytesSent, received: bytesReceived };
    const before = this.#readings.get(peer) ?? [];
    const last = before.at(-1);
    // A new connection to the same peer, or another run, counts from zero.
    const restarted = last && (step < last.step || bytesSent < last.sent || bytesReceived < last.received);
    const kept = restarted ? [] : before.filter((one) => one.step !== step && one.step >= step - WINDOW_STEPS);
    const readings = [...kept, reading];
    this.#readings.set(peer, readings);
    return readings;
  }
}

function rateOf(readings: readonly Reading[]): LinkRate | undefined {
  const first = readings[0]!;
  const last = readings.at(-1)!;
  const steps = last.step - first.step;
  if (steps === 0) return undefined;
  return { sentPerStep: (last.sent - first.sent) / steps, receivedPerStep: (last.received - first.received) / steps };
}
