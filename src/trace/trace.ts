/**
 * The only stream of measured events: pages, bench, tests and exports read it. Times are milliseconds of this process's
 * performance.now(); `clockOffsetMs` of a peer is applied when streams are merged.
 */
import { Listeners } from '../listeners';

/** One closed interval of one lane; `t0 === t1` is an instant. */
export interface TraceEvent {
  readonly step: number;
  readonly rank: number;
  /** host: the executor's line; gpu: a dispatch or list timed by the queue; net: bytes in flight. */
  readonly lane: 'host' | 'gpu' | 'net';
  /** 'F', 'B', 'REDUCE', 'ring.hop', 'matmul.wgsl', 'loss' ... */
  readonly name: string;
  readonly t0: number;
  readonly t1: number;
  readonly unit?: number;
  readonly mb?: number;
  readonly bytes?: number;
  readonly flops?: number;
  readonly value?: number;
  /** The other end of a network event. */
  readonly peer?: string;
  /** Ring chunk index of a network event. */
  readonly chunk?: number;
  /** The line whose collective or message this network event belongs to: 'REDUCE block3', 'F block0 m1/tp0'. */
  readonly line?: string;
}

/** `generation` is the generation of the event; 0 where there are no generations. */
type TraceListener = (event: TraceEvent, generation: number) => void;

/** Passes emitted events on to listeners. There is one per tab, and one per generation of a tab (`of`). */
export class Trace {
  /** `span` and `instant` put `step` and `rank` into their events; the trainer sets both. */
  step = 0;
  rank = 0;
  readonly #listeners = new Listeners<Parameters<TraceListener>>();
  readonly #late = new Set<Promise<unknown>>();

  /** Call `listener` for every later event; returns the function that stops it. */
  subscribe(listener: TraceListener): () => void {
    return this.#listeners.add(listener);
  }

  /**
   * The trace of one generation, in which this tab is `rank`. Its events go to the listeners of this trace too. Work of
   * a generation that ends while the next one runs keeps the generation and the rank it began with.
   */
  of(generation: number, rank: number): Trace {
    const trace = new Trace();
    trace.rank = rank;
    trace.subscribe((event) => this.emit(event, generation));
    return trace;
  }

  emit(event: TraceEvent, generation = 0): void {
    this.#listeners.tell(event, generation);
  }

  /** Register work that emits events of a step and may end after its commit. */
  late(work: Promise<unknown>): void {
    const ended: Promise<unknown> = work.catch(() => {}).then(() => this.#late.delete(ended));
    this.#late.add(ended);
  }

  /** Resolves when all late work registered so far has ended. */
  async settled(): Promise<void> {
    await Promise.all(this.#late);
  }

  /** Record an interval that began at `t0` (ms) and ends now. */
  span(lane: TraceEvent['lane'], name: string, t0: number, fields: Partial<TraceEvent> = {}): void {
    this.emit({ step: this.step, rank: this.rank, lane, name, t0, t1: performance.now(), ...fields });
  }

  instant(lane: TraceEvent['lane'], name: string, fields: Partial<TraceEvent> = {}): void {
    const now = performance.now();
    this.emit({ step: this.step, rank: this.rank, lane, name, t0: now, t1: now, ...fields });
  }
}
