/** The feed of a recorded run, chapter by chapter. Needs no GPU and no network, and takes no commands. */
import { batch, signal } from '@preact/signals';
import type { ParallelPlan } from '../../../plan/plan';
import { envelope } from '../../../trace/interval';
import type { TraceEvent } from '../../../trace/trace';
import type { Phase, RunFile, StepMetrics } from '../../tab';
import type { Feed, Proof, RankView } from '../facts/feed';
import { tokensPerStep } from '../facts/units';
import { isProduct } from '../models/choice/plans';
import { cutOf } from '../models/digest';
import { type Chapter, eventsOf, type Recording } from './recording';

export class RecordedFeed implements Feed {
  readonly kind = 'recorded';
  readonly phase = signal<Phase>('training');
  readonly run;
  readonly plan = signal<ParallelPlan | null>(null);
  readonly generation = signal(0);
  readonly ranks = signal<readonly RankView[]>([]);
  readonly metrics = signal<readonly StepMetrics[]>([]);
  readonly newestStep = signal(-1);
  readonly proof = signal<Proof | null>(null);
  readonly chapters: readonly Chapter[];
  #chapter: Chapter;

  constructor(readonly recording: Recording) {
    this.run = signal<RunFile | null>(recording.card.run);
    this.chapters = recording.chapters;
    this.#chapter = this.chapters[0]!;
    this.open(0);
  }

  /** The machine of each tab of the chapter with most ranks, undefined where unknown. */
  get machines(): ReadonlyArray<string | undefined> {
    const sizes = this.chapters.map(({ ranks }) => ranks.length);
    return this.chapters[sizes.indexOf(Math.max(...sizes))]!.ranks.map(({ machine }) => machine);
  }

  /** Show chapter `index`, and the loss curve up to that chapter. */
  open(index: number): void {
    const chapter = this.chapters[index];
    if (!chapter) return;
    this.#chapter = chapter;
    const last = chapter.steps.at(-1)?.step ?? -1;
    batch(() => {
      this.plan.value = chapter.plan;
      this.generation.value = chapter.generation;
      this.ranks.value = this.#paced(chapter.ranks, last);
      this.metrics.value = this.recording.metrics.filter(({ step }) => step <= last);
      this.newestStep.value = last;
      this.proof.value = chapter.proof;
    });
  }

  /**
   * Show the last chapter that ran under `plan`. For a plan that cuts several axes, any chapter with several cut axes
   * will do, since recordings differ in which of them they hold. Returns false where there is none.
   */
  show(plan: ParallelPlan): boolean {
    const said = cutOf(plan);
    const exact = this.chapters.findLastIndex((chapter) => cutOf(chapter.plan) === said);
    const isLike = (chapter: Chapter) => isProduct(plan) && isProduct(chapter.plan);
    const index = exact >= 0 ? exact : this.chapters.findLastIndex(isLike);
    if (index >= 0) this.open(index);
    return index >= 0;
  }

  /** Ranks with the tokens/s of the shown step only: the rate they reported also averages steps of earlier plans. */
  #paced(ranks: readonly RankView[], step: number): readonly RankView[] {
    // why only host events: gathers of this step may end in the next one
    const [t0, t1] = envelope(this.traceOf(step).filter(({ lane }) => lane === 'host'));
    if (t1 <= t0) return ranks;
    const tokens = tokensPerStep(this.recording.card.run) / this.#chapter.plan.dp;
    return ranks.map((rank) => ({ ...rank, tokensPerSecond: (1000 * tokens) / (t1 - t0) }));
  }

  traceOf(step: number): readonly TraceEvent[] {
    const kept = this.#chapter.steps.find((one) => one.step === step);
    return kept ? eventsOf(kept.packs) : [];
  }
}
