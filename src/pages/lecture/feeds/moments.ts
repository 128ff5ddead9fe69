/**
 * Snapshots of the feed: one per second, so that people can read it, and fewer where drawing takes long, so that the
 * page takes little time from the tabs that train.
 */
import { effect, signal } from '@preact/signals';
import type { Phase } from '../../tab';
import type { Feed } from '../facts/feed';
import type { Moment } from '../facts/moment';
import { conditionsOf } from '../models/digest';

/** Shortest and longest time between two moments; `early` holds before the first step of a plan. */
const BEAT_MS = { least: 1000, most: 3000, early: 200 };
/** A moment stays this many times as long as the page's work on it took, at most BEAT_MS.most. */
const REST = 100;

const NOTHING: Moment = {
  kind: 'simulated',
  phase: 'idle',
  run: null,
  plan: null,
  generation: 0,
  ranks: [],
  step: -1,
  events: [],
  early: [],
  metrics: [],
  since: 0,
  alikeSince: 0,
  proof: null,
};

/** Counts the time that this page spends (frames.ts). */
interface Costs {
  readonly count: <T>(work: () => T) => T;
  readonly spentMs: number;
}

/** Follows one feed until it is closed. */
export class Moments {
  readonly now = signal<Moment>(NOTHING);
  readonly #stop: () => void;
  #takenMs = Number.NEGATIVE_INFINITY;
  /** `costs.spentMs` when the newest moment was taken. */
  #spentMs = 0;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #phase: Phase | undefined;
  #since = 0;
  #alikeSince = 0;
  /** The first step that is shown as the running plan's: `#since`, or a lower step where steps run again. */
  #shownFrom = 0;
  #newest = -1;

  constructor(
    readonly feed: Feed,
    readonly costs: Costs,
  ) {
    let plan = '';
    let conditions = '';
    this.#stop = effect(() => {
      const { phase, metrics, newestStep, ranks, proof, run } = feed;
      void [metrics.value, ranks.value, proof.value, run.value];
      const committed = Math.max(newestStep.value, metrics.value.at(-1)?.step ?? -1);
      // why as text: a live feed parses a new plan object with every status; why the run: a new run counts from 0
      const now = JSON.stringify([feed.plan.value, run.value]);
      if (now !== plan) {
        plan = now;
        // why: steps that a live feed already has are of the previous plan; other feeds begin with a step of the new
        this.#since = feed.kind === 'live' ? committed + 1 : newestStep.value;
        this.#alikeSince = this.#since;
        this.#shownFrom = this.#since;
        this.#newest = newestStep.value;
        this.#phase = undefined;
      }
      const told = conditionsOf(ranks.value);
      // why the next step, too: tabs are slowed in the middle of one
      if (feed.kind === 'live' && conditions !== '' && told !== '' && told !== conditions)
        this.#alikeSince = committed + 1;
      conditions = told || conditions;
      // why: a room that went back to an earlier step shows the steps that it runs again
      if (newestStep.value < this.#newest) this.#shownFrom = Math.min(this.#shownFrom, newestStep.value);
      this.#newest = newestStep.value;
      this.#schedule(phase.value);
    });
  }

  close(): void {
    this.#stop();
    clearTimeout(this.#timer);
  }

  #schedule(phase: Phase): void {
    const shown = this.now.peek().step;
    const newest = this.feed.newestStep.peek();
    // why at once: until the first step the scenes show what was only expected, and the second one is without its setup
    const isEarlyStep =
      newest > shown && newest >= this.#shownFrom && shown <= Math.max(this.#since, this.#shownFrom - 1);
    const isEarly = newest < this.#shownFrom;
    const isFirstPart = isEarly && this.now.peek().early.length === 0 && (this.feed.early?.() ?? []).length > 0;
    const isNews = isEarlyStep || isFirstPart || phase !== this.#phase || this.feed.kind === 'simulated';
    this.#phase = phase;
    if (this.#timer !== undefined && !isNews) return;
    this.#wait(isNews ? 0 : isEarly ? BEAT_MS.early : BEAT_MS.least);
  }

  /** Take the next moment `beatMs` after the previous one, or later if drawing that one took long. */
  #wait(beatMs: number): void {
    clearTimeout(this.#timer);
    const leftMs = Math.max(0, this.#takenMs + beatMs - performance.now());
    this.#timer = setTimeout(() => {
      const tookMs = this.costs.spentMs - this.#spentMs;
      const restMs = Math.min(BEAT_MS.most, REST * tookMs);
      if (beatMs === 0 || restMs <= beatMs) this.costs.count(() => this.#take());
      else this.#wait(restMs);
    }, leftMs);
  }

  #take(): void {
    this.#timer = undefined;
    this.#takenMs = performance.now();
    this.#spentMs = this.costs.spentMs;
    const { feed } = this;
    const newest = feed.newestStep.peek();
    const step = newest >= this.#shownFrom ? newest : -1;
    this.now.value = {
      kind: feed.kind,
      phase: feed.phase.peek(),
      run: feed.run.peek(),
      plan: feed.plan.peek(),
      generation: feed.generation.peek(),
      ranks: feed.ranks.peek(),
      step,
      events: step < 0 ? [] : feed.traceOf(step),
      early: step < 0 ? (feed.early?.() ?? []) : [],
      metrics: feed.metrics.peek(),
      since: this.#since,
      alikeSince: this.#alikeSince,
      proof: feed.proof.peek(),
    };
  }
}
