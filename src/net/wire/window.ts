/**
 * How many bytes one link may have in flight, learned from its acknowledgements. A data channel's bufferedAmount is no
 * congestion control: its SCTP overshoots a slow link's queue and then recovers at one packet per round trip
 * (docs/protocol.md). Steers towards a fixed number of bytes waiting in queues on the way, as FAST TCP does
 * (Wei, Jin, Low, Hegde 2006).
 */

const KB = 1024;

export const WINDOW = {
  startBytes: 256 * KB,
  /** The least, and the start, where a link is a port inside a browser: with less, tabs of a busy machine wait in turn. */
  nearBytes: 1024 * KB,
  minBytes: 32 * KB,
  maxBytes: 4096 * KB,
  /** What should wait in queues on the way: enough to ride out scheduling, less than a slow link's queue holds. */
  queueBytes: 96 * KB,
  /** A base round trip below this is one machine or one wire: what waits there waits for processors, not in a queue. */
  nearMs: 4,
  /** Share of the way to the target taken per round trip; a signal is one round trip old when it comes. */
  gain: 0.5,
  /** A frame with at most this much in flight, itself included, measures the round trip of a pipe without a queue. */
  aloneBytes: 4 * KB,
  /** No acknowledgement for this long, or for four smoothed round trips if that is more, is a stall: packets were lost. */
  stallMs: 400,
} as const;

/** A frame whose acknowledgement came: when it left, and the bytes in flight then, its own included. */
export interface AckedFrame {
  readonly sentMs: number;
  readonly inFlightBytes: number;
}

export class InflightWindow {
  #bytes: number;
  /** Shortest round trip seen: that of a pipe without a queue. */
  #baseMs = Number.POSITIVE_INFINITY;
  /** Reached so far since the pipe was last empty. */
  #rampBytes: number;
  #smoothMs = 0;
  #lastAckMs = 0;
  /** When the window was last cut. */
  #cutMs = Number.NEGATIVE_INFINITY;

  constructor(private readonly startBytes: number = WINDOW.startBytes) {
    this.#bytes = startBytes;
    this.#rampBytes = startBytes;
  }

  /** Bytes that may be in flight now. */
  get bytes(): number {
    return Math.min(this.#bytes, this.#rampBytes);
  }

  /** Smoothed round trip of a frame, ms; 0 until measured. */
  get rttMs(): number {
    return this.#smoothMs;
  }

  /** Ask for an acknowledgement after this many bytes. */
  get ackEveryBytes(): number {
    return this.bytes / 4;
  }

  /** Nothing is in flight: what was learned stays, but a whole window at once would overrun a queue on the way. */
  onIdle(): void {
    this.#rampBytes = this.startBytes;
  }

  /** `ackedBytes` were acknowledged, the last of them with `frame`. `isLimited`: frames wait, so growing may help. */
  onAck(nowMs: number, frame: AckedFrame, ackedBytes: number, isLimited: boolean): void {
    const rttMs = Math.max(0.01, nowMs - frame.sentMs);
    const silentMs = nowMs - Math.max(this.#lastAckMs, frame.sentMs);
    const isStall = this.#smoothMs > 0 && silentMs > Math.max(WINDOW.stallMs, 4 * this.#smoothMs);
    this.#lastAckMs = nowMs;
    this.#smoothMs = this.#smoothMs === 0 ? rttMs : this.#smoothMs + (rttMs - this.#smoothMs) / 8;
    this.#updateBase(frame, rttMs);
    this.#rampBytes = Math.min(WINDOW.maxBytes, this.#rampBytes + ackedBytes / 2);
    // why: frames that left before the last cut tell of the same stall
    if (frame.sentMs < this.#cutMs) return;
    if (isStall) {
      this.#cutMs = nowMs;
      this.#set(this.#bytes / 2);
      return;
    }
    const queueBytes = frame.inFlightBytes * (1 - this.#baseMs / rttMs);
    const missingBytes = WINDOW.queueBytes - queueBytes;
    if (missingBytes < 0 || isLimited) {
      this.#set(this.#bytes + WINDOW.gain * missingBytes * Math.min(1, ackedBytes / this.#bytes));
    }
  }

  #updateBase(frame: AckedFrame, rttMs: number): void {
    if (rttMs < this.#baseMs) this.#baseMs = rttMs;
    // why only then: the round trip of a full pipe says nothing of a longer way
    else if (frame.inFlightBytes <= WINDOW.aloneBytes) this.#baseMs += (rttMs - this.#baseMs) / 16;
  }

  #set(bytes: number): void {
    // why a floor: between tabs of a busy machine a short window makes every process wait for all others in turn
    const floorBytes = this.#baseMs < WINDOW.nearMs ? this.startBytes : WINDOW.minBytes;
    this.#bytes = Math.min(WINDOW.maxBytes, Math.max(floorBytes, bytes));
  }
}
