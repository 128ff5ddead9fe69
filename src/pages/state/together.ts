/**
 * How many times as fast as one tab the room is, measured: the speed while this tab trained alone is kept, and the
 * speed of the newest steps is divided by it. Pure.
 */
import type { Presence, TabStatus } from '../tab';

/** Steps that a speed is the median of, and the fewest that say anything. */
const WINDOW = 20;
const LEAST = 3;

interface Together {
  readonly tabs: number;
  /** 1: as fast as one tab. */
  readonly times: number;
  /** The tabs that share one machine with another one; 0 if each has its own. */
  readonly sharing: number;
  /** The share of a step that is not the computation of an equal part, 0 to 1: exchanges and waiting. */
  readonly lost: number;
}

type Read = Pick<TabStatus, 'phase' | 'run' | 'members' | 'generation' | 'newMetrics'>;

export class TogetherMeter {
  #work = '';
  #generation = 0;
  /** The newest step that was read. */
  #step = -1;
  /** Tokens per second of the newest steps of one generation. */
  #rates: number[] = [];
  #alone = 0;

  /** Null until the speeds of one tab and of several are known. */
  read({ phase, run, members, generation, newMetrics }: Read, roster: ReadonlyMap<string, Presence>): Together | null {
    if (phase !== 'training' || !run) return null;
    const work = JSON.stringify([run.model, run.train.globalBatch]);
    if (work !== this.#work) [this.#work, this.#alone] = [work, 0];
    // why without the first steps of a generation: they compile, and wait for what others load
    const isNew = generation !== this.#generation;
    if (isNew) [this.#generation, this.#rates] = [generation, []];
    // why by step: a status may be read twice
    const fresh = newMetrics.filter(({ step }) => isNew || step > this.#step);
    this.#step = fresh.at(-1)?.step ?? this.#step;
    if (!isNew) this.#rates = [...this.#rates, ...fresh.map(({ tokens, ms }) => (1000 * tokens) / ms)].slice(-WINDOW);
    if (this.#rates.length < LEAST) return null;
    const rate = [...this.#rates].sort((a, b) => a - b)[this.#rates.length >> 1]!;
    if (members.length === 1) this.#alone = rate;
    if (members.length === 1 || this.#alone === 0) return null;
    const times = rate / this.#alone;
    const machines = members.map((peer) => roster.get(peer)?.machine);
    const isShared = (one?: string) => one !== undefined && machines.filter((other) => other === one).length > 1;
    return {
      tabs: members.length,
      times,
      sharing: machines.filter(isShared).length,
      lost: Math.max(0, 1 - times / members.length),
    };
  }
}
