/** Keeps the newest complete steps of each plan of a live feed, for a recording. Bounded. Draws and sends nothing. */
import { effect } from '@preact/signals';
import { BUILD } from '../../../net/signaling/build';
import type { ParallelPlan } from '../../../plan/plan';
import type { TraceEvent } from '../../../trace/trace';
import type { Feed, Proof, RankView } from '../facts/feed';
import { type Chapter, packRecording, packsOf, RECORDING_VERSION } from './recording';

/** Why two: a viewer can see that the steps of a plan are alike. */
const STEPS_PER_CHAPTER = 2;
const MAX_CHAPTERS = 40;

interface Kept {
  readonly plan: ParallelPlan;
  readonly generation: number;
  readonly ranks: readonly RankView[];
  readonly proof: Proof | null;
  readonly steps: readonly { readonly step: number; readonly events: readonly TraceEvent[] }[];
}

export class Recorder {
  #chapters: Kept[] = [];
  readonly #stop: () => void;

  constructor(readonly feed: Feed) {
    this.#stop = effect(() => this.#look());
  }

  /** Whether anything has been recorded. */
  get hasRun(): boolean {
    return this.#chapters.length > 0;
  }

  /** Whether a step of this generation is the newest recorded one. */
  has(generation: number): boolean {
    return this.#chapters.at(-1)?.generation === generation;
  }

  /** All kept events, ordered by plan and step. */
  get events(): readonly TraceEvent[] {
    return this.#chapters.flatMap(({ steps }) => steps.flatMap(({ events }) => events));
  }

  /** The run so far as one file. `textOf` gives the bytes of a built-in source, null for others. */
  async file(textOf: (source: string) => Promise<Uint8Array<ArrayBuffer> | null>): Promise<Uint8Array<ArrayBuffer>> {
    const run = this.feed.run.value!;
    const text = await textOf(run.data.source);
    const chapters = this.#chapters.map(chapterOf);
    const adapters = [...new Set(chapters.flatMap(({ ranks }) => ranks.map(({ adapter }) => adapter)))];
    const card = { run, seed: run.train.seed, dataHash: text ? await sha256(text) : '', adapters, build: BUILD };
    const metrics = this.feed.metrics.value.map((one) => ({ ...one, bytesSent: [...one.bytesSent] }));
    return packRecording({ v: RECORDING_VERSION, card, metrics, chapters });
  }

  close(): void {
    this.#stop();
  }

  #look(): void {
    const { feed } = this;
    const [step, plan, generation] = [feed.newestStep.value, feed.plan.value, feed.generation.value];
    const [ranks, proof] = [feed.ranks.value, feed.proof.value];
    if (step < 0 || !plan || ranks.length === 0) return;
    const last = this.#chapters.at(-1);
    if (last?.generation === generation && last.steps.at(-1)?.step === step) {
      this.#chapters[this.#chapters.length - 1] = { ...last, ranks, proof };
      return;
    }
    // why: right after a change of plan the newest complete step still belongs to the previous plan
    if (last && last.generation !== generation && last.steps.at(-1)!.step >= step) return;
    const events = feed.traceOf(step);
    if (new Set(events.map(({ rank }) => rank)).size !== ranks.length) return;
    const isSame = last?.generation === generation;
    const steps = [...(isSame ? last.steps : []), { step, events }].slice(-STEPS_PER_CHAPTER);
    const kept = { plan, generation, ranks, proof, steps };
    this.#chapters = [...(isSame ? this.#chapters.slice(0, -1) : this.#chapters), kept].slice(-MAX_CHAPTERS);
  }
}

function chapterOf({ plan, generation, ranks, proof, steps }: Kept): Chapter {
  return {
    plan,
    generation,
    ranks: ranks.map((rank) => ({ ...rank, links: [...rank.links] })),
    proof: proof && { ...proof, tensors: [...proof.tensors] },
    steps: steps.map(({ step, events }) => ({ step, packs: packsOf(events, generation) })),
  };
}

async function sha256(bytes: Uint8Array<ArrayBuffer>): Promise<string> {
  const digest = await crypto.subtle.digest('SHA-256', bytes);
  return Array.from(new Uint8Array(digest), (byte) => byte.toString(16).padStart(2, '0')).join('');
}
