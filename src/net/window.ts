/**
 * How many bytes one link may have in flight, learned from its acknowledgements. A data channel's bufferedAmount is no
 * congestion control: its SCTP overshoots a slow link's queue and then recovers at one packet per round trip
 * (docs/protocol.md). Keeps the queue in the network between two bounds, as TCP Vegas does (Brakmo 1994), in bytes.
 */

const KB = 1024;

export const WINDOW = {
  startBytes: 256 * KB,
  minBytes: 32 * KB,
  maxBytes: 4096 * KB,
  /** Grow while less than this waits in queues on the way, shrink above the other. */
  queueLowBytes: 64 * KB,
  queueHighBytes: 128 * KB,
  /** A base round trip older than this is measured anew, in a drained pipe. */
  baseAgeMs: 30_000,
  /** No acknowledgement for this long, or four smoothed round trips, is a stall. */
  stallMs: 400,
} as const;

export class InflightWindow {
  #bytes: number = WINDOW.startBytes;
  #baseMs = Number.POSITIVE_INFINITY;
  #baseSince = 0;
  /** Non-zero while the pipe drains to measure the base anew: the window to return to. */
  #resume = 0;
  #smoothMs = 0;
  #lastAckMs = 0;
  #lastStallMs = 0;
  /** Doubling per round trip until the first sign of a queue. */
  #opening = true;

  /** Bytes that may be in flight now. */
  get bytes(): number {
    return this.#resume ? WINDOW.minBytes : this.#bytes;
  }

  /** Smoothed round trip of a frame, ms; 0 until measured. */
  get rttMs(): number {
    return this.#smoothMs;
  }

  /** Ask for an acknowledgement after this many bytes. */
  get ackEveryBytes(): number {
    return this.bytes / 4;
  }

  /**
   * One acknowledgement: of `ackedBytes`, for a frame sent at `sentMs` when it brought `inFlightBytes` in flight.
   * `limited`: frames were waiting for the window, so it may grow.
   */
  onAck(nowMs: number, sentMs: number, ackedBytes: number, inFlightBytes: number, limited: boolean): void {
    const rttMs = Math.max(0.01, nowMs - sentMs);
    const gapMs = nowMs - Math.max(this.#lastAckMs, sentMs);
    const stalled = this.#smoothMs > 0 && gapMs > Math.max(WINDOW.stallMs, 4 * this.#smoothMs);
    this.#lastAckMs = nowMs;
    this.#smoothMs = this.#smoothMs === 0 ? rttMs : this.#smoothMs + (rttMs - this.#smoothMs) / 8;
    this.#updateBase(nowMs, sentMs, rttMs, inFlightBytes);
    if (stalled) {
      this.#shrinkAfterStall(nowMs, sentMs);
      return;
    }
    const queueBytes = inFlightBytes * (1 - this.#baseMs / rttMs);
    if (queueBytes > WINDOW.queueHighBytes) {
      this.#opening = false;
      const share = Math.min(1, ackedBytes / this.#bytes);
      this.#set(this.#bytes - (queueBytes - WINDOW.queueHighBytes) * share);
    } else if (queueBytes < WINDOW.queueLowBytes && limited) {
      this.#set(this.#bytes + (this.#opening ? ackedBytes : ackedBytes / 4));
    }
  }

  #updateBase(nowMs: number, sentMs: number, rttMs: number, inFlightBytes: number): void {
    if (rttMs < this.#baseMs) {
      this.#baseMs = rttMs;
      this.#baseSince = nowMs;
    }
    if (this.#resume && inFlightBytes <= WINDOW.minBytes * 2 && sentMs > this.#baseSince) {
      this.#baseMs = rttMs;
      this.#baseSince = nowMs;
      this.#bytes = this.#resume;
      this.#resume = 0;
    } else if (!this.#resume && nowMs - this.#baseSince > WINDOW.baseAgeMs) {
      this.#resume = this.#bytes;
      this.#baseSince = nowMs;
    }
  }

  #shrinkAfterStall(nowMs: number, sentMs: number): void {
    this.#opening = false;
    // why: frames sent before the last cut tell of the same stall
    if (sentMs < this.#lastStallMs) return;
    this.#lastStallMs = nowMs;
    this.#set(this.#bytes / 2);
  }

  #set(bytes: number): void {
    this.#bytes = Math.min(WINDOW.maxBytes, Math.max(WINDOW.minBytes, bytes));
  }
}
