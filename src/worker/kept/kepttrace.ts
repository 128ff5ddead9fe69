/** The newest events of a trace, for the files of a headless run. */
import type { Trace, TraceEvent } from '../../trace/trace';

/** About 20 MB; the beginning of a longer run is not drawn. */
const MAX_EVENTS = 100_000;

export class KeptTrace {
  #events: TraceEvent[] = [];
  readonly #stop: () => void;

  constructor(trace: Trace | undefined) {
    this.#stop =
      trace?.subscribe((event) => {
        this.#events.push(event);
        if (this.#events.length > 2 * MAX_EVENTS) this.#events = this.#events.slice(-MAX_EVENTS);
      }) ?? (() => {});
  }

  get events(): readonly TraceEvent[] {
    return this.#events.slice(-MAX_EVENTS);
  }

  stop(): void {
    this.#stop();
  }
}
