/**
 * Packs the trace of this rank while somebody watches: whole steps only, every step or each n-th. Without a watcher an
 * event costs one comparison.
 */
import { packEvents } from '../../trace/pack';
import type { Trace, TraceEvent } from '../../trace/trace';

/** A pack is at most about 45 KB, so that it fits one message of a data channel. */
const PACK_EVENTS = 2_000;
/** Events of one step beyond this number are not sent, and the step is reported as lost. */
const MAX_STEP_EVENTS = 20_000;
/** Within the first step of a generation, events are due after this time: somebody waits for the new plan's first bars. */
const EARLY_MS = 250;
/** GPU timestamps arrive up to this many steps late. */
const LATE_STEPS = 4;

export class PackedTrace {
  #every = 0;
  /** The events since the last pack in order of arrival, one entry for each run of events of one generation. */
  #runs: { readonly generation: number; readonly events: TraceEvent[] }[] = [];
  #newest = -1;
  /** Number of events so far, for each step that is sent. */
  readonly #steps = new Map<number, number>();
  readonly #stop: () => void;
  /** The newest generation, its first step, and when events of that step were last due. */
  #begun = { generation: -1, step: -1, toldMs: 0 };
  /** Highest step with events that were left out, -1 if there is none. */
  lost = -1;

  /** `due`: the events taken so far should be sent now, before the step ends. */
  constructor(
    trace: Trace,
    private readonly due: () => void = () => {},
  ) {
    this.#stop = trace.subscribe((event, generation) => {
      if (this.#every > 0) this.#take(event, generation);
    });
  }

  /** Send each `every`-th step from the next one on; 0 sends nothing. */
  watch(every: number): void {
    if (this.#every === 0) this.#newest = Number.MAX_SAFE_INTEGER;
    this.#every = every;
    if (every > 0) return;
    this.#runs = [];
    this.#steps.clear();
  }

  /** Returns the packs of the events since the last call. */
  flush(): readonly Uint8Array<ArrayBuffer>[] {
    const runs = this.#runs;
    this.#runs = [];
    const packs: Uint8Array<ArrayBuffer>[] = [];
    for (const { generation, events } of runs) {
      for (let at = 0; at < events.length; at += PACK_EVENTS) {
        packs.push(packEvents(events.slice(at, at + PACK_EVENTS), generation, performance.timeOrigin));
      }
    }
    return packs;
  }

  stop(): void {
    this.#stop();
  }

  #take(event: TraceEvent, generation: number): void {
    // why: watching began during this step, so its events are incomplete
    if (this.#newest === Number.MAX_SAFE_INTEGER) this.#newest = event.step;
    const { step } = event;
    if (step > this.#newest || step < this.#newest - LATE_STEPS) this.#begin(step);
    const count = this.#steps.get(step);
    if (count === undefined) return;
    this.#steps.set(step, count + 1);
    if (count >= MAX_STEP_EVENTS) {
      this.lost = Math.max(this.lost, step);
      return;
    }
    // why not the newest: work that a broken generation started may end while the next one runs the step again
    if (this.#runs.at(-1)?.generation !== generation) this.#runs.push({ generation, events: [] });
    this.#runs.at(-1)!.events.push(event);
    this.#hurry(event, generation);
  }

  #hurry({ step, t1 }: TraceEvent, generation: number): void {
    if (generation > this.#begun.generation) this.#begun = { generation, step, toldMs: t1 };
    const begun = this.#begun;
    if (generation !== begun.generation || step !== begun.step || t1 < begun.toldMs + EARLY_MS) return;
    begun.toldMs = t1;
    this.due();
  }

  #begin(step: number): void {
    this.#newest = step;
    for (const known of this.#steps.keys()) if (known < step - LATE_STEPS || known > step) this.#steps.delete(known);
    if (step % this.#every === 0) this.#steps.set(step, 0);
  }
}
