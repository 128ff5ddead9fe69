/**
 * The events of the newest steps. A step is returned only once the events of all ranks are here (a whole step). Memory
 * is bounded. Independent of the transport of the packs.
 */
import type { TraceEvent } from '../../../trace/trace';
import type { PeerId } from '../../tab';

const MAX_STEPS = 64;
const MAX_EVENTS = 120_000;

/** The progress that a peer reports. */
interface Progress {
  readonly peer: PeerId;
  readonly generation: number;
  /** Number of ranks of the generation. */
  readonly size: number;
  /** Number of committed steps. */
  readonly step: number;
  /** All events of lower steps of the generation have been reported. */
  readonly traced: number;
  /** The peer holds the state from which the generation continues. */
  readonly training: boolean;
  /** The peer computes nothing now, so no more events of its committed steps will arrive. */
  readonly resting: boolean;
  /** The peer dropped events of steps up to this one; -1 where it dropped none. */
  readonly lost: number;
}

interface Part {
  readonly events: TraceEvent[];
  ended: boolean;
}

interface Entry {
  readonly generation: number;
  readonly parts: Map<PeerId, Part>;
  count: number;
  whole: readonly TraceEvent[] | null;
}

export class StepTraces {
  readonly #steps = new Map<number, Entry>();
  readonly #sizes = new Map<number, number>();
  /** By generation: the lowest step that a training member reported. The generation runs this step and later ones. */
  readonly #beginOf = new Map<number, number>();
  readonly #newestOf = new Map<number, number>();
  #events = 0;

  /** Add events of one peer; times are on this page's clock. */
  add(peer: PeerId, generation: number, events: readonly TraceEvent[]): void {
    for (const event of events) {
      const entry = this.#entry(event.step, generation);
      if (!entry || entry.whole) continue;
      const part = entry.parts.get(peer) ?? { events: [], ended: false };
      entry.parts.set(peer, part);
      part.events.push(event);
      entry.count += 1;
      this.#events += 1;
    }
    this.#prune();
  }

  progress({ peer, generation, size, step, traced, training, resting, lost }: Progress): void {
    this.#sizes.set(generation, size);
    if (training) this.#beginOf.set(generation, Math.min(step, this.#beginOf.get(generation) ?? step));
    for (const [number, entry] of this.#steps) {
      const part = entry.parts.get(peer);
      if (entry.whole || !part) continue;
      // why one step more: GPU times and gathers of the newest committed step may be reported later
      const isPast = number < Math.max(traced, step - 1) || (resting && number < step);
      if (entry.generation < generation || (entry.generation === generation && isPast)) part.ended = true;
      if (part.ended && number <= lost) this.#forget(number, entry);
      else this.#finish(number, entry);
    }
    this.#prune();
  }

  /** The newest whole step that a generation ran, -1 before its first. */
  newestOf(generation: number): number {
    return this.#newestOf.get(generation) ?? -1;
  }

  /** Events of the generation's first step that ranks have reported so far; empty once it has a whole step. */
  earlyOf(generation: number): readonly TraceEvent[] {
    if (this.newestOf(generation) >= 0) return [];
    const steps = [...this.#steps].filter(([, entry]) => entry.generation === generation && !entry.whole);
    const [first] = steps.sort(([a], [b]) => a - b);
    return first ? [...first[1].parts.values()].flatMap(({ events }) => events) : [];
  }

  /** The events of a step, sorted by t0; empty where the step is not whole or no longer kept. */
  of(step: number): readonly TraceEvent[] {
    return this.#steps.get(step)?.whole ?? [];
  }

  /** Forget everything, because another run begins. */
  clear(): void {
    this.#steps.clear();
    this.#sizes.clear();
    this.#beginOf.clear();
    this.#newestOf.clear();
    this.#events = 0;
  }

  /**
   * The entry of `step`. Undefined where a later generation has an entry for the step, and where the step is whole and
   * `generation` has not begun at or below it. A generation that begins at or below a whole step runs that step again,
   * so its entry replaces the whole step.
   */
  #entry(step: number, generation: number): Entry | undefined {
    const known = this.#steps.get(step);
    if (known && known.generation >= generation) return known.generation === generation ? known : undefined;
    if (known?.whole && step < (this.#beginOf.get(generation) ?? Number.POSITIVE_INFINITY)) return undefined;
    if (known) this.#forget(step, known);
    const entry: Entry = { generation, parts: new Map(), count: 0, whole: null };
    this.#steps.set(step, entry);
    return entry;
  }

  #finish(step: number, entry: Entry): void {
    const parts = [...entry.parts.values()];
    if (parts.length !== this.#sizes.get(entry.generation) || !parts.every(({ ended }) => ended)) return;
    entry.whole = parts.flatMap(({ events }) => events).sort((a, b) => a.t0 - b.t0);
    entry.parts.clear();
    this.#newestOf.set(entry.generation, Math.max(this.newestOf(entry.generation), step));
  }

  #prune(): void {
    const oldest = [...this.#steps.keys()].sort((a, b) => a - b);
    while (this.#steps.size > MAX_STEPS || (this.#events > MAX_EVENTS && this.#steps.size > 1)) {
      const step = oldest.shift()!;
      this.#forget(step, this.#steps.get(step)!);
    }
  }

  #forget(step: number, entry: Entry): void {
    this.#events -= entry.count;
    this.#steps.delete(step);
  }
}
