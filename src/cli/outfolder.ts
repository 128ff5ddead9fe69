/**
 * The output folder of a run. Metrics grow there while it goes on; every other file is written beside and moved when the run
 * has ended well, so under its own name a file is complete or the one of an earlier run.
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
import { dirname, join } from 'node:path';
import { InputError, sentenceOf } from '../errors';
import type { StepMetrics } from '../worker/api';
import { EventFile } from './tensorboard';

const METRICS = 'metrics.jsonl';

export class OutFolder {
  /** Files on their way into the folder; of the same file system, so that moving is atomic. */
  readonly staging: string;
  #hasBegun = false;
  #events: EventFile | undefined;

  /** `firstStep`: the steps below are in metrics.jsonl already. `tensorboard`: a folder for event files. */
  constructor(
    readonly path: string,
    readonly firstStep = 0,
    readonly tensorboard?: string,
  ) {
    this.staging = join(path, '.unfinished');
  }

  /** Check, before the run, that the results will find a place. Throws InputError. */
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

  /** Append a committed step. The first one ends what an earlier run left beyond the steps that are kept. */
  step(metrics: StepMetrics): void {
    if (!this.#hasBegun) this.#begin();
    appendFileSync(join(this.path, METRICS), `${JSON.stringify(metrics)}\n`);
    this.#events?.step(metrics);
  }

  /** Move what was staged, and `files`, to their names. */
  finish(files: ReadonlyMap<string, string>, staged: Iterable<string>): void {
    mkdirSync(this.staging, { recursive: true });
    for (const [name, content] of files) writeFileSync(join(this.staging, name), content);
    for (const name of [...staged, ...files.keys()]) renameSync(join(this.staging, name), join(this.path, name));
  }

  /** Drop what is staged. */
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

/** The lines of the steps below `firstStep`; a line that a kill cut is none. Throws InputError where one is missing. */
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
