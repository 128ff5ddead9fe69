/**
 * The files of a headless run, as its ranks reach them. Files of the model are staged in the output folder, shards
 * become checkpoints, and the checkpoint that the run resumes from is read in pieces.
 */
import { open } from 'node:fs/promises';
import { join } from 'node:path';
import { InputError } from '../../errors';
import type { Receipt } from '../../storage/bytes';
import type { Checkpoint, CheckpointWriter } from './checkpoints';
import { Intake } from './intake';
import type { OutFolder } from './outfolder';

/** Where the files of a run are kept. */
export interface Keeping {
  readonly out: OutFolder;
  readonly checkpoints: CheckpointWriter;
  /** The checkpoint that the run resumes from. */
  readonly from: Checkpoint | null;
}

/** Names of the model's files that a rank may hand over; some models have not all of them. */
const MODEL_FILES: ReadonlySet<string> = new Set([
  ...['model.safetensors', 'config.json', 'generation_config.json'],
  ...['tokenizer.json', 'tokenizer_config.json', 'tokenizer.model', 'added_tokens.json'],
  ...['adapter/adapter_config.json', 'adapter/adapter_model.safetensors'],
]);

const SHARD = /^checkpoint\/(\d{1,9})\/(rank-\d{1,3}\.safetensors)$/;
const MAX_PIECE_BYTES = 64 << 20;

export class FileDesk {
  readonly #intake = new Intake();

  constructor(
    readonly keeping: Keeping,
    /** Called when a file of the model is staged completely. */
    readonly onModelFile: (name: string) => void,
  ) {}

  /**
   * Takes a piece of `name` and returns null, or takes its end and returns the receipt. Returns undefined if no rank
   * may hand over a file of this name.
   */
  async take(name: string, query: URLSearchParams, body: Uint8Array): Promise<Receipt | null | undefined> {
    const { out, checkpoints } = this.keeping;
    if (MODEL_FILES.has(name)) {
      const receipt = await this.#takePiece(join(out.staging, name), query, body);
      if (receipt) this.onModelFile(name);
      return receipt;
    }
    const [, step, shard] = SHARD.exec(name) ?? [];
    if (step === undefined || shard === undefined) return undefined;
    const receipt = await this.#takePiece(checkpoints.pathOf(Number(step), shard), query, body);
    if (!receipt) return receipt;
    // why: a run that goes on from a checkpoint needs the metrics of every step before it
    await out.reaches(Number(step));
    await checkpoints.add(Number(step), { name: shard, ...receipt });
    return receipt;
  }

  /** Returns the bytes of a checkpoint's file that `query` asks for; null if there is no such file. */
  async read(name: string, query: URLSearchParams): Promise<Uint8Array | null> {
    const { from } = this.keeping;
    const file = from?.files.find((one) => `resumed/${one.name}` === name);
    if (!from || !file) return null;
    const [first, end] = [Number(query.get('from')), Number(query.get('to'))];
    if (!(first >= 0 && first <= end && end <= file.sizeBytes && end - first <= MAX_PIECE_BYTES)) {
      throw new InputError(
        `bytes ${first} to ${end} of ${file.name}, which has ${file.sizeBytes}, cannot be read at once`,
      );
    }
    const handle = await open(join(from.path, file.name));
    try {
      const bytes = Buffer.alloc(end - first);
      await handle.read(bytes, 0, bytes.byteLength, first);
      return bytes;
    } finally {
      await handle.close();
    }
  }

  /** Removes unfinished files. */
  async close(): Promise<void> {
    await this.#intake.end();
    this.keeping.checkpoints.close();
  }

  async #takePiece(path: string, query: URLSearchParams, body: Uint8Array): Promise<Receipt | null> {
    const size = query.get('size');
    if (size !== null) return this.#intake.close(path, Number(size));
    await this.#intake.take(path, Number(query.get('at')), query.get('sha256') ?? '', body);
    return null;
  }
}
