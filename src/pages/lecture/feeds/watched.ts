/** One watched tab on the watching page: its clock offset, its newest status, and checks of its untrusted messages. */
import { ProtocolError } from '../../../errors';
import { ClockOffset } from '../../../net/room/clockoffset';
import type { WatchLink } from '../../../net/room/watch';
import { type Pack, unpackEvents } from '../../../trace/pack';
import {
  type FromWatched,
  type FromWatcher,
  readFromWatched,
  TELEMETRY_VERSION,
  type WatchedStatus,
} from '../../../worker/watch/telemetry';

/** The page ignores a tab that breaks the protocol more often than this. */
const MAX_VIOLATIONS = 20;

interface WatchedEvents {
  said(message: Exclude<FromWatched, { t: 'pong' }>): void;
  /** Times are on this page's clock. */
  traced(pack: Pack): void;
  closed(): void;
}

export interface WatchedOptions {
  /** Milliseconds since the epoch: performance.timeOrigin + performance.now(). */
  readonly now: () => number;
  /** Runs the work on an arrived message and counts its time. */
  readonly count: <T>(work: () => T) => T;
}

export class Watched {
  status: WatchedStatus | null = null;
  /** Bytes by role from the newest status of this generation that had them; null where none had. */
  memory: WatchedStatus['memory'] = null;
  readonly clock = new ClockOffset();
  readonly #asked = new Map<number, number>();
  #violations = 0;
  #id = 0;
  #every: number;

  /** Starts listening. Asks for the clock first, and for everything else once the clock is known. */
  constructor(
    readonly link: WatchLink,
    readonly options: WatchedOptions,
    every: number,
    readonly events: WatchedEvents,
  ) {
    this.#every = every;
    link.onMessage((message) => options.count(() => this.#receive(message)));
    link.onClose(() => events.closed());
    this.ping();
  }

  /** Ask the tab for its clock. */
  ping(): void {
    this.#asked.set(this.#id, this.options.now());
    this.#asked.delete(this.#id - 8);
    this.#send({ t: 'ping', id: this.#id });
    this.#id += 1;
  }

  /** Ask for the trace of every `every`-th step. */
  watch(every: number): void {
    this.#every = every;
    if (this.clock.isKnown) this.#send({ t: 'watch', v: TELEMETRY_VERSION, every });
  }

  #send(message: FromWatcher): void {
    this.link.send(JSON.stringify(message));
  }

  #receive(message: string | Uint8Array): void {
    if (this.#violations > MAX_VIOLATIONS) return;
    try {
      if (typeof message === 'string') this.#hear(readFromWatched(message));
      else this.#trace(message);
    } catch (error) {
      if (!(error instanceof ProtocolError)) throw error;
      this.#violations += 1;
    }
  }

  #hear(message: FromWatched): void {
    if (message.t !== 'pong') {
      if (message.t === 'status') this.#keep(message);
      this.events.said(message);
      return;
    }
    const sentMs = this.#asked.get(message.id);
    if (sentMs === undefined) return;
    this.#asked.delete(message.id);
    const isFirst = !this.clock.isKnown;
    this.clock.add(sentMs, message.at, this.options.now());
    if (isFirst) this.watch(this.#every);
  }

  #keep(status: WatchedStatus): void {
    const isSame = this.status?.generation === status.generation;
    this.memory = status.memory ?? (isSame ? this.memory : null);
    this.status = status;
  }

  #trace(bytes: Uint8Array): void {
    const pack = unpackEvents(bytes);
    if (!pack) throw new ProtocolError('a pack of trace events is malformed');
    const shift = this.clock.ms - performance.timeOrigin;
    const events = pack.events.map((event) => ({ ...event, t0: event.t0 + shift, t1: event.t1 + shift }));
    this.events.traced({ ...pack, events });
  }
}
