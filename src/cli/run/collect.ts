/** Collects the results of the ranks of a headless run, and decides when the run is over and how it ended. */
import { ConnectError, RankFailed } from '../../errors';
import type { ParallelPlan } from '../../plan/plan';
import type { TraceEvent } from '../../trace/trace';
import type { StepMetrics } from '../../worker/api';
import type { RankReport, RankStatus } from '../../worker/headless';
import type { HeadlessEvents } from './headless';
import type { Progress } from './progress';

/**
 * Time limit from the start, or from a lost link, to the next generation: `least` and `perRank` more for each rank,
 * because all ranks may start their browsers and open their devices on one processor.
 */
const MEET_WITHIN_MS = { least: 60_000, perRank: 20_000 };

export interface Collected {
  readonly metrics: readonly StepMetrics[];
  /** By rank. */
  readonly reports: readonly RankReport[];
  readonly trace: readonly TraceEvent[];
  /** Names of the model's files, staged in the output folder. */
  readonly files: ReadonlySet<string>;
  /** The first step under the last plan. */
  readonly begun: number;
  /** All steps ran. */
  readonly isDone: boolean;
}

export class Collector implements HeadlessEvents {
  /** Resolves when every rank has reported the end of all steps. Rejects with RankFailed or ConnectError. */
  readonly finished: Promise<Collected>;
  readonly #metrics: StepMetrics[] = [];
  readonly #reports = new Map<number, RankReport>();
  readonly #trace: TraceEvent[] = [];
  readonly #files = new Set<string>();
  readonly #sentences = new Map<number, string>();
  /** Ranks that are in no generation: all of them at the start, later those that lost a link. */
  readonly #apart: Set<number>;
  #meeting: NodeJS.Timeout | undefined;
  #isEnding = false;
  /** The newest plan as JSON, and the first step under it. */
  #plan = '';
  #begun = 0;
  #resolve: (collected: Collected) => void = () => {};
  #reject: (error: Error) => void = () => {};

  constructor(
    readonly count: number,
    readonly progress: Progress,
    /** Called at once with every committed step and every change of plan, and with the traces of the first steps. */
    readonly hearing: {
      step(metrics: StepMetrics): void;
      /** The ranks run this plan from now on. */
      plan(plan: ParallelPlan): void;
      measured(index: number, events: readonly TraceEvent[]): void;
    },
  ) {
    this.finished = new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
    // The caller awaits it only once the ranks are started; a failure before that must not count as unhandled.
    this.finished.catch(() => {});
    this.#apart = new Set(Array.from({ length: count }, (_, index) => index));
    this.#watch();
  }

  onStatus(index: number, { phase, sentence, metrics, step: begun, plan }: RankStatus): void {
    if (index === 0 && plan && JSON.stringify(plan) !== this.#plan) {
      [this.#plan, this.#begun] = [JSON.stringify(plan), begun];
      this.hearing.plan(plan);
    }
    this.#sentences.set(index, sentence);
    if (phase === 'waiting') this.#apart.add(index);
    else if (phase === 'syncing' || phase === 'training' || phase === 'done') this.#apart.delete(index);
    this.#watch();
    if (this.#apart.has(index) && index === 0) this.progress.wait(sentence);
    for (const step of metrics) {
      this.#metrics.push(step);
      this.progress.step(step);
      this.hearing.step(step);
    }
  }

  onReport(index: number, report: RankReport): void {
    this.#reports.set(index, report);
    if (report.end === 'failed') this.fail(new RankFailed(report.sentence));
    else if (report.end === 'stopped' && !this.#isEnding) {
      this.fail(new RankFailed(`rank ${index} stopped before the last step`));
    } else if (this.#reports.size === this.count) this.#finish();
  }

  /** The ranks were told to end. Returns true if they have a step to keep. */
  end(): boolean {
    this.#isEnding = this.#metrics.length > 0;
    return this.#isEnding;
  }

  onTrace(_index: number, events: readonly TraceEvent[]): void {
    for (const event of events) this.#trace.push(event);
  }

  onMeasured(index: number, events: readonly TraceEvent[]): void {
    try {
      this.hearing.measured(index, events);
    } catch (error) {
      this.fail(error as Error);
    }
  }

  onFile(name: string): void {
    this.#files.add(name);
  }

  /** A rank's process or tab has ended. An error, unless the rank has reported. */
  onDeath(index: number, reason: string): void {
    if (!this.#reports.has(index)) this.fail(new RankFailed(`rank ${index} ended before the last step: ${reason}`));
  }

  fail(error: Error): void {
    clearTimeout(this.#meeting);
    this.#reject(error);
  }

  get #meetWithinMs(): number {
    return MEET_WITHIN_MS.least + MEET_WITHIN_MS.perRank * this.count;
  }

  /** Limits the time that ranks may be in no generation. */
  #watch(): void {
    if (this.#apart.size === 0) {
      clearTimeout(this.#meeting);
      this.#meeting = undefined;
    } else {
      const late = () => this.fail(new ConnectError(this.#meetingSentence()));
      this.#meeting ??= setTimeout(late, this.#meetWithinMs);
    }
  }

  #finish(): void {
    clearTimeout(this.#meeting);
    const reports = [...this.#reports.values()].sort((a, b) => a.rank - b.rank);
    const isDone = reports.every(({ end }) => end === 'done');
    this.#resolve({
      metrics: this.#metrics,
      reports,
      trace: this.#trace,
      files: this.#files,
      begun: this.#begun,
      isDone,
    });
  }

  #meetingSentence(): string {
    const said = Array.from({ length: this.count }, (_, index) => this.#sentences.get(index) || 'has not answered');
    const waits = said.map((sentence, index) => `rank ${index}: ${sentence}`).join('; ');
    return `The ranks did not come together within ${this.#meetWithinMs / 1000} s (${waits}).`;
  }
}
