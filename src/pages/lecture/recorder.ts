/** Keeps of a live feed what a recording needs: the newest whole steps of every plan, bounded. Draws and sends nothing. */
import { effect } from '@preact/signals';
import { BUILD } from '../../net/build';
import type { Feed } from './feed';
import { type Chapter, packRecording, packsOf, RECORDING_VERSION } from './recording';

/** Two steps of a plan show that they are alike. */
const STEPS_PER_CHAPTER = 2;
const MAX_CHAPTERS = 40;

export class Recorder {
  #chapters: Chapter[] = [];
  readonly #stop: () => void;

  constructor(readonly feed: Feed) {
    this.#stop = effect(() => this.#look());
  }

  /** Something has been recorded. */
  get hasRun(): boolean {
    return this.#chapters.length > 0;
  }

  /** The run so far as one file. `textOf` gives the bytes of a built-in source, null for others. */
  async file(textOf: (source: string) => Promise<Uint8Array<ArrayBuffer> | null>): Promise<Uint8Array<ArrayBuffer>> {
    const run = this.feed.run.value!;
    const text = await textOf(run.data.source);
    const chapters = this.#chapters.filter(({ steps }) => steps.length > 0);
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
    const [step, plan, generation, ranks] = [
      feed.newestStep.value,
      feed.plan.value,
      feed.generation.value,
      feed.ranks.value,
    ];
    if (step < 0 || !plan || ranks.length === 0) return;
    const events = feed.traceOf(step);
    // why: right after a change of plan the newest whole step is still one of the plan before
    if (new Set(events.map(({ rank }) => rank)).size !== ranks.length) return;
    const last = this.#chapters.at(-1);
    const isSame = last?.generation === generation;
    const known = isSame ? last.steps : [];
    if (known.some((one) => one.step === step)) return;
    if (!isSame && last?.steps.some((one) => one.step >= step)) return;
    const steps = [...known, { step, packs: packsOf(events, generation) }].slice(-STEPS_PER_CHAPTER);
    const proof = feed.proof.value;
    const copied = ranks.map((rank) => ({ ...rank, links: [...rank.links] }));
    const chapter: Chapter = {
      plan,
      generation,
      ranks: copied,
      steps,
      proof: proof && { ...proof, tensors: [...proof.tensors] },
    };
    this.#chapters = [...(isSame ? this.#chapters.slice(0, -1) : this.#chapters), chapter].slice(-MAX_CHAPTERS);
  }
}

async function sha256(bytes: Uint8Array<ArrayBuffer>): Promise<string> {
  const digest = await crypto.subtle.digest('SHA-256', bytes);
  return Array.from(new Uint8Array(digest), (byte) => byte.toString(16).padStart(2, '0')).join('');
}
