/**
 * Keeps the states of a tab in its browser's storage, every half minute and when the page may close. If storage is full
 * or refused, the run goes on and the page is told that nothing is kept.
 */
import { notLoaded, StorageError } from '../../errors';
import { isWholeOnAll, type ParallelPlan } from '../../plan/plan';
import { writeText } from '../../storage/bytes';
import type { OpfsFolder } from '../../storage/opfs';
import { builtInText } from '../../train/data/texts';
import type { Keepable, Keeper } from '../../train/files/keeper';
import type { KeptNews } from '../../train/trainer/given/status';
import { describeState, forgetOldRooms, type Slot, TEXT_FILE, takeSlot } from './slots';

const EVERY_MS = 30_000;
/** Minimum pause after a state was kept, as a multiple of the time that this took: two percent of the time. */
const REST = 50;
const KEPT = 2;

export class OpfsKeeper implements Keeper {
  #slot: Slot | null = null;
  #hasText = false;
  #dueMs = Number.NEGATIVE_INFINITY;
  /** The page asked to keep the next state. */
  #isAsked = false;
  #newest: number | null = null;
  /** Names, without ending, of the states that this tab has kept, the newest last. */
  #names: readonly string[] = [];

  constructor(
    readonly room: string,
    readonly onNews: (news: KeptNews) => void,
  ) {}

  /** Keep the state at the next step border: the page may close soon. */
  ask(): void {
    this.#isAsked = true;
  }

  isDue(step: number, steps: number): boolean {
    return this.#isAsked || step === steps || performance.now() >= this.#dueMs;
  }

  async keep(state: Keepable): Promise<void> {
    this.#isAsked = false;
    const t0 = performance.now();
    try {
      await this.#keep(state);
      this.#newest = state.step;
      this.onNews({ step: this.#newest, sentence: '' });
    } catch (error) {
      if (!(error instanceof StorageError)) throw error;
      this.onNews({ step: this.#newest, sentence: error.message });
    }
    const t1 = performance.now();
    this.#dueMs = t1 + Math.max(EVERY_MS, REST * (t1 - t0));
  }

  async settle(): Promise<void> {}

  /** The number of this tab's slot, which is taken at the first call; null if all are taken. Rejects with StorageError. */
  async ownSlot(): Promise<number | null> {
    if (!this.#slot) {
      await forgetOldRooms(this.room);
      this.#slot = await takeSlot(this.room);
      await this.#slot?.folder.clean();
    }
    return this.#slot?.number ?? null;
  }

  async #keep({ step, generation, run, model, text, cutting, held, elements }: Keepable): Promise<void> {
    const { plan, rank } = cutting;
    const slot = await this.#slotFor(plan);
    if (!slot) return;
    const name = `${step}-${generation}`;
    const sink = await slot.folder.create(`${name}.safetensors`);
    const writeShard = await shardWriter();
    await writeShard(model, held, elements, sink);
    const file = { name: `${name}.safetensors`, ...(await sink.close()) };
    if (builtInText(run.data.source) === null) await this.#keepText(slot.folder, text);
    const said = { step, generation, run, vocab: model.vocab, plan, rank, at: Date.now(), file };
    await writeText(slot.folder, `${name}.json`, describeState(said));
    this.#names = [...this.#names.filter((other) => other !== name), name].slice(-KEPT);
    await this.#removeOthers(slot.folder);
  }

  /** The slot where this tab keeps its state; null if another tab of this browser keeps the same state. */
  async #slotFor(plan: ParallelPlan): Promise<Slot | null> {
    await this.ownSlot();
    // why: replicas in one browser need only one kept state, and the tab that had the first slot may be gone
    const isReplica = isWholeOnAll(plan) && !plan.outer;
    if (isReplica && this.#slot && this.#slot.number > 0) this.#slot = (await takeSlot(this.room, 1)) ?? this.#slot;
    return isReplica && this.#slot?.number !== 0 ? null : this.#slot;
  }

  /** Stores the person's own text: no other copy exists once the tab is gone. */
  async #keepText(folder: OpfsFolder, text: Uint8Array): Promise<void> {
    if (this.#hasText) return;
    const sink = await folder.create(TEXT_FILE);
    await sink.write(new Uint8Array(text));
    await sink.close();
    this.#hasText = true;
  }

  /** Removes older states and those of earlier visits. Descriptions go first, so that none is left without its file. */
  async #removeOthers(folder: OpfsFolder): Promise<void> {
    const others = (await folder.list('file')).filter((file) => !this.#names.includes(file.replace(/\.\w+$/, '')));
    for (const ending of ['.json', '.safetensors']) {
      for (const file of others) if (file.endsWith(ending)) await folder.remove(file);
    }
  }
}

/** Loaded only now: every tab loads this file before its first step. Rejects with StorageError. */
async function shardWriter(): Promise<typeof import('./keptfiles').writeShard> {
  const code = await import('./keptfiles').catch((error: unknown) => {
    throw new StorageError(notLoaded('what keeps states', error));
  });
  return code.writeShard;
}
