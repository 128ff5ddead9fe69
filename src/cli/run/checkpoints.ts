/**
 * Checkpoints of a headless run: OUT/checkpoint/step-N/ with one shard per rank, the tokenizer, and checkpoint.json, which is
 * written last. A folder gets its name when it is whole and on the disk; the two newest are kept.
 */
import { createHash } from 'node:crypto';
import { createReadStream, existsSync, readdirSync, readFileSync, renameSync, rmSync, statSync } from 'node:fs';
import { open, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import * as v from 'valibot';
import { InputError, sentenceOf } from '../../errors';
import type { AutoMode } from '../../plan/pilot';
import type { Receipt } from '../../storage/bytes';
import { parseRunFile, type RunFile } from '../../train/runfile';

const FORMAT = 'tabtrain checkpoint 1';
const FOLDER = 'checkpoint';
const DESCRIPTION = 'checkpoint.json';
/** File with the run's source, if the checkpoint has one. */
export const SOURCE = 'source.bin';
const KEPT = 2;

interface KeptFile extends Receipt {
  readonly name: string;
}

/** What a checkpoint stores about the run beside its state. */
export interface CheckpointFacts {
  /** With the vocabulary filled in. */
  readonly run: RunFile;
  readonly kind: 'tabs' | 'nodes';
  /** Size and hash of the text that the run trains on. */
  readonly text: Receipt;
  /** Folder that relative paths of the run file start from. */
  readonly folder: string;
  /** Steps from one checkpoint to the next; 0: only the last one. */
  readonly everySteps: number;
  /** Set if the plan is `auto`. */
  readonly auto?: AutoMode;
}

export interface Checkpoint extends CheckpointFacts {
  readonly step: number;
  readonly files: readonly KeptFile[];
  /** Folder of its files. */
  readonly path: string;
  /** The run's source, if it cannot be made again from the run file: with a tokenizer that came with a model. */
  readonly source: Uint8Array | null;
}

const count = v.pipe(v.number(), v.integer(), v.minValue(0));
const receipt = { sizeBytes: count, sha256: v.pipe(v.string(), v.regex(/^[0-9a-f]{64}$/)) };
const description = v.object({
  format: v.literal(FORMAT),
  step: count,
  run: v.unknown(),
  kind: v.picklist(['tabs', 'nodes']),
  text: v.object(receipt),
  folder: v.string(),
  everySteps: count,
  auto: v.exactOptional(v.picklist(['exact', 'approximate'])),
  files: v.array(v.object({ name: v.pipe(v.string(), v.regex(/^[\w.-]+$/)), ...receipt })),
});

/** The checkpoints that a run writes. */
export class CheckpointWriter {
  /** The complete shards, by step. */
  readonly #shards = new Map<number, KeptFile[]>();
  /** Names of the folders to keep, the newest last. */
  #kept: readonly string[];

  /** `from`: the checkpoint that the run resumes from; it stays as the older one. */
  constructor(
    readonly outFolder: string,
    readonly ranks: number,
    readonly facts: CheckpointFacts,
    /** Files beside the shards, by name. */
    readonly others: ReadonlyMap<string, Uint8Array>,
    from: Checkpoint | null,
  ) {
    this.#kept = from ? [nameOf(from.step)] : [];
    const folder = join(outFolder, FOLDER);
    // remove what a killed run left unfinished
    for (const name of existsSync(folder) ? readdirSync(folder) : []) {
      if (name.startsWith('.step-')) rmSync(join(folder, name), { recursive: true, force: true });
    }
  }

  /** The step of the newest complete checkpoint; null if there is none. */
  get newestStep(): number | null {
    const name = this.#kept.at(-1);
    return name === undefined ? null : Number(name.slice('step-'.length));
  }

  /** Path that the shard `name` of step `step` is written to. */
  pathOf(step: number, name: string): string {
    return join(this.#unfinished(step), name);
  }

  /** Adds a complete shard; the last one completes the checkpoint. Resolves to the step then, to null before. */
  async add(step: number, file: KeptFile): Promise<number | null> {
    const shards = [...(this.#shards.get(step) ?? []).filter(({ name }) => name !== file.name), file];
    this.#shards.set(step, shards);
    if (shards.length < this.ranks) return null;
    this.#shards.delete(step);
    await this.#commit(step, shards);
    return step;
  }

  /** Removes unfinished checkpoints. */
  close(): void {
    for (const step of this.#shards.keys()) rmSync(this.#unfinished(step), { recursive: true, force: true });
  }

  async #commit(step: number, shards: readonly KeptFile[]): Promise<void> {
    const from = this.#unfinished(step);
    const name = nameOf(step);
    const to = join(this.outFolder, FOLDER, name);
    const files = [...shards];
    for (const [other, content] of this.others) {
      await writeFile(join(from, other), content, { flush: true });
      files.push({ name: other, sizeBytes: content.byteLength, sha256: hash(content) });
    }
    const said = JSON.stringify({ format: FORMAT, step, ...this.facts, files }, null, 2);
    await writeFile(join(from, DESCRIPTION), `${said}\n`, { flush: true });
    await flushFolder(from);
    rmSync(to, { recursive: true, force: true });
    renameSync(from, to);
    await flushFolder(join(this.outFolder, FOLDER));
    this.#kept = [...this.#kept.filter((other) => other !== name), name].slice(-KEPT);
    for (const other of readdirSync(join(this.outFolder, FOLDER))) {
      if (!this.#kept.includes(other) && !other.startsWith('.')) {
        rmSync(join(this.outFolder, FOLDER, other), { recursive: true, force: true });
      }
    }
  }

  #unfinished(step: number): string {
    return join(this.outFolder, FOLDER, `.${nameOf(step)}`);
  }
}

/** The names sort in the order of their steps. */
const nameOf = (step: number) => `step-${String(step).padStart(9, '0')}`;

/** The names of the checkpoints in an output folder, the newest first. */
function namesIn(outFolder: string): readonly string[] {
  const folder = join(outFolder, FOLDER);
  if (!existsSync(folder)) return [];
  return readdirSync(folder)
    .filter((name) => /^step-\d+$/.test(name))
    .sort()
    .reverse();
}

/** The newest checkpoint, from its description; null if there is none. Does not read its other files. */
export function describedIn(outFolder: string): Pick<Checkpoint, 'step' | 'run'> | null {
  for (const name of namesIn(outFolder)) {
    try {
      return describe(join(outFolder, FOLDER, name));
    } catch {
      // why: a folder that cannot be read is no checkpoint of a run
    }
  }
  return null;
}

/**
 * The newest complete checkpoint of an output folder: every file has the length and the hash in its description.
 * `notes` says which checkpoints were left out. Throws InputError if there is none.
 */
export async function newestCheckpoint(outFolder: string): Promise<{ checkpoint: Checkpoint; notes: string[] }> {
  const notes: string[] = [];
  for (const name of namesIn(outFolder)) {
    const path = join(outFolder, FOLDER, name);
    try {
      const checkpoint = describe(path);
      for (const file of checkpoint.files) await checkFile(join(path, file.name), file);
      const source = checkpoint.files.some((file) => file.name === SOURCE) ? readFileSync(join(path, SOURCE)) : null;
      return { checkpoint: { ...checkpoint, source }, notes };
    } catch (error) {
      notes.push(`${path} is not used: ${sentenceOf(error)}`);
    }
  }
  const why = notes.length > 0 ? ` (${notes.join('; ')})` : '';
  throw new InputError(
    `${outFolder} has no whole checkpoint to go on from${why}; start the run with --checkpoint-every N`,
  );
}

function describe(path: string): Omit<Checkpoint, 'source'> {
  const { run, format: _, ...rest } = v.parse(description, JSON.parse(readFileSync(join(path, DESCRIPTION), 'utf8')));
  return { ...rest, run: parseRunFile(run), path };
}

async function checkFile(path: string, { name, sizeBytes, sha256 }: KeptFile): Promise<void> {
  const { size } = statSync(path);
  if (size !== sizeBytes) throw new InputError(`${name} has ${size} of ${sizeBytes} bytes`);
  const found = createHash('sha256');
  for await (const piece of createReadStream(path)) found.update(piece as Buffer);
  if (found.digest('hex') !== sha256) throw new InputError(`${name} has another hash than when it was written`);
}

const hash = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex');

/** Flushes a folder: file names are on the disk only when their folder is. */
async function flushFolder(path: string): Promise<void> {
  const folder = await open(path);
  await folder.sync();
  await folder.close();
}
