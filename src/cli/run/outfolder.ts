/**
 * The output folder of a run. Metrics grow there while the run goes on. Every other file is staged and moved when the
 * run has ended well, so a file under its own name is complete, or it is that of an earlier run.
 */
import {
  appendFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { open } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { InputError, sentenceOf } from '../../errors';
import { byteFiles } from '../../train/files/piecefile';
import type { StepMetrics } from '../../worker/api';
import { EventFile } from './tensorboard';

const METRICS = 'metrics.jsonl';

export class OutFolder {
  /** Folder of staged files, on the same file system, so that moving is atomic. */
  readonly staging: string;
  #hasBegun = false;
  /** Steps below it are in the metrics. */
  #next: number;
  #waiting: { readonly step: number; readonly resolve: () => void }[] = [];
  #events: EventFile | undefined;

  /** `firstStep`: metrics.jsonl already has the steps below it. `tensorboard`: a folder for event files. */
  constructor(
    readonly path: string,
    readonly firstStep = 0,
    readonly tensorboard?: string,
  ) {
    this.staging = join(path, '.unfinished');
    this.#next = firstStep;
  }

  /** Checks before the run that the results can be written. Throws InputError. */
  check(): void {
    const { path } = this;
    try {
      if (existsSync(path) && !statSync(path).isDirectory()) throw new Error('it is a file');
      mkdirSync(dirname(path), { recursive: true });
      rmSync(mkdtempSync(`${path}.check-`), { recursive: true });
    } catch (error) {
      const reason = sentenceOf(error);
      throw new InputError(`the results cannot be written to ${path}: ${reason}; choose another folder with --out.`);
    }
  }

  /** Appends a committed step. The first call removes what an earlier run left beyond the kept steps. */
  step(metrics: StepMetrics): void {
    if (!this.#hasBegun) this.#begin();
    appendFileSync(join(this.path, METRICS), `${JSON.stringify(metrics)}\n`);
    this.#events?.step(metrics);
    this.#next = metrics.step + 1;
    for (const { step, resolve } of this.#waiting) if (step <= this.#next) resolve();
    this.#waiting = this.#waiting.filter(({ step }) => step > this.#next);
  }

  /** Resolves when the metrics have all steps below `step`, on the disk. */
  async reaches(step: number): Promise<void> {
    if (step > this.#next) await new Promise<void>((resolve) => this.#waiting.push({ step, resolve }));
    const file = await open(join(this.path, METRICS));
    await file.sync();
    await file.close();
  }

  /** Moves the staged files and `files` to their final names. */
  finish(files: ReadonlyMap<string, string>, staged: ReadonlySet<string>): void {
    mkdirSync(this.staging, { recursive: true });
    for (const [name, content] of files) writeFileSync(join(this.staging, name), content);
    for (const name of [...staged, ...files.keys()]) {
      mkdirSync(dirname(join(this.path, name)), { recursive: true });
      renameSync(join(this.staging, name), join(this.path, name));
    }
    this.#removeByteFiles(staged);
  }

  /** An earlier model with the byte tokenizer leaves no files that give this one other tokens. Removes nothing but these. */
  #removeByteFiles(staged: ReadonlySet<string>): void {
    if (!staged.has('tokenizer.json')) return;
    for (const [name, content] of Object.entries(byteFiles())) {
      const path = join(this.path, name);
      if (staged.has(name) || !existsSync(path)) continue;
      if (readFileSync(path).equals(typeof content === 'string' ? Buffer.from(content) : content)) rmSync(path);
    }
  }

  /** Removes what is staged. */
  close(): void {
    this.#events?.close();
    this.#events = undefined;
    rmSync(this.staging, { recursive: true, force: true });
  }

  #begin(): void {
    mkdirSync(this.path, { recursive: true });
    const kept = this.firstStep === 0 ? '' : keptLines(join(this.path, METRICS), this.firstStep);
    writeFileSync(join(this.path, `${METRICS}.part`), kept);
    renameSync(join(this.path, `${METRICS}.part`), join(this.path, METRICS));
    if (this.tensorboard) this.#events = new EventFile(this.tensorboard);
    this.#hasBegun = true;
  }
}

/** The lines of the steps below `firstStep`. Throws InputError if one is missing or was cut off by a kill. */
function keptLines(path: string, firstStep: number): string {
  const lines = existsSync(path) ? readFileSync(path, 'utf8').split('\n') : [];
  for (let step = 0; step < firstStep; step++) {
    if (stepOf(lines[step]) !== step) throw new InputError(`${path} has no line of step ${step}, so it cannot go on`);
  }
  return lines
    .slice(0, firstStep)
    .map((line) => `${line}\n`)
    .join('');
}

function stepOf(line = ''): number {
  try {
    return (JSON.parse(line) as StepMetrics).step;
  } catch {
    return -1;
  }
}
