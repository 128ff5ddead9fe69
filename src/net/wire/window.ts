/**
 * The number of bytes that one link may have in flight, learned from its acknowledgements. A data channel's
 * bufferedAmount is no congestion control: SCTP overruns the queue of a slow link and then recovers at one packet per
 * round trip (docs/protocol.md). The window aims at a fixed number of bytes in the queues on the way, as FAST TCP does
 * (Wei, Jin, Low, Hegde 2006).
 */

const KB = 1024;

export const WINDOW = {
  startBytes: 256 * KB,
  /** Start and floor for a MessagePort link: with a smaller window, the tabs of a busy machine wait for each other. */
  nearBytes: 1024 * KB,
  minBytes: 32 * KB,
  maxBytes: 4096 * KB,
  /** Target of bytes queued on the way: enough to cover scheduling delays, less than a slow link's queue holds. */
  queueBytes: 96 * KB,
  /** A base round trip below this means one machine or one wire: delays there come from processors, not from queues. */
  nearMs: 4,
  /** Share of the distance to the target covered per round trip. Below 1, as each measurement is one round trip old. */
  gain: 0.5,
  /** A frame sent with at most this much in flight, itself included, measures the round trip without a queue. */
  aloneBytes: 4 * KB,
  /** A frame of at least this size measures the rate. */
  rateBytes: 8 * KB,
  /** No acknowledgement for this long, or for four smoothed round trips if longer, is a stall: packets were lost. */
  stallMs: 400,
} as const;

/** An acknowledged frame: its bytes, when it was sent, and the bytes in flight at that time, its own included. */
export interface AckedFrame {
  readonly sizeBytes: number;
  readonly sentMs: number;
  readonly inFlightBytes: number;
  /** Whether an earlier frame was waiting for its acknowledgement: then the link was busy. */
  readonly isBehind: boolean;
}

export class InflightWindow {
  #bytes: number;
  /** Round trip without a queue: the shortest seen, slowly raised by later measurements without a queue. */
  #baseMs = Number.POSITIVE_INFINITY;
  /** Limit that grows from the start size with the acknowledged bytes since the pipe was last empty. */
  #rampBytes: number;
  #smoothMs = 0;
  /** Smoothed time of a byte, ms; 0 until measured. */
  #byteMs = 0;
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

  /** Round trip without a queue, ms; 0 until measured. */
  get baseMs(): number {
    return Number.isFinite(this.#baseMs) ? this.#baseMs : 0;
  }

  /** Rate of the link, bytes per ms; 0 until measured. */
  get bytesPerMs(): number {
    return this.#byteMs > 0 ? 1 / this.#byteMs : 0;
  }

  /** The sender asks for an acknowledgement after this many bytes. */
  get ackEveryBytes(): number {
    return this.bytes / 4;
  }

  /** Nothing is in flight: restart from the start size, as a whole window at once would overrun a queue on the way. */
  onIdle(): void {
    this.#rampBytes = this.startBytes;
  }

  /** `ackedBytes` were acknowledged, `frame` last. `isLimited`: frames wait for the window, so it may grow. */
  onAck(nowMs: number, frame: AckedFrame, ackedBytes: number, isLimited: boolean): void {
    const rttMs = Math.max(0.01, nowMs - frame.sentMs);
    const silentMs = nowMs - Math.max(this.#lastAckMs, frame.sentMs);
    const isStall = this.#smoothMs > 0 && silentMs > Math.max(WINDOW.stallMs, 4 * this.#smoothMs);
    this.#lastAckMs = nowMs;
    this.#smoothMs = this.#smoothMs === 0 ? rttMs : this.#smoothMs + (rttMs - this.#smoothMs) / 8;
    this.#updateBase(frame, rttMs);
    this.#updateRate(frame, rttMs);
    this.#rampBytes = Math.min(WINDOW.maxBytes, this.#rampBytes + ackedBytes / 2);
    // why: frames sent before the last cut report the same stall again
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
    // why only then: a full pipe has a long round trip even if the path has not become longer
    else if (frame.inFlightBytes <= WINDOW.aloneBytes) this.#baseMs += (rttMs - this.#baseMs) / 16;
  }

  /** A frame alone takes the empty round trip and the time of its bytes; a busy link moves what is in flight in a round trip. */
  #updateRate({ sizeBytes, inFlightBytes, isBehind }: AckedFrame, rttMs: number): void {
    if (sizeBytes < WINDOW.rateBytes) return;
    const byteMs = isBehind ? rttMs / inFlightBytes : (rttMs - this.#baseMs) / sizeBytes;
    this.#byteMs = this.#byteMs === 0 ? byteMs : this.#byteMs + (byteMs - this.#byteMs) / 8;
  }

  #set(bytes: number): void {
    // why a floor: between tabs of a busy machine, a small window makes all processes wait for each other
    const floorBytes = this.#baseMs < WINDOW.nearMs ? this.startBytes : WINDOW.minBytes;
    this.#bytes = Math.min(WINDOW.maxBytes, Math.max(floorBytes, bytes));
  }
}
