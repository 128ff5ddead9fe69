/**
 * The files of a headless run as its ranks reach them: the model's are staged in the output folder, shards become checkpoints, and
 * the checkpoint that the run goes on from is read in pieces.
 */
import { open } from 'node:fs/promises';
import { join } from 'node:path';
import { InputError } from '../errors';
import type { Receipt } from '../storage/bytes';
import type { Checkpoint, CheckpointWriter } from './checkpoints';
import { Intake } from './intake';
import type { OutFolder } from './outfolder';

/** Where the files of a run are kept. */
export interface Keeping {
  readonly out: OutFolder;
  readonly checkpoints: CheckpointWriter;
  /** What the run goes on from. */
  readonly from: Checkpoint | null;
}

/** Names of the model's files that a rank may hand over. */
const MODEL_FILES = new Set([
  ...['model.safetensors', 'config.json', 'generation_config.json'],
  ...['tokenizer.json', 'tokenizer_config.json'],
]);
const SHARD = /^checkpoint\/(\d{1,9})\/(rank-\d{1,3}\.safetensors)$/;
const MAX_PIECE_BYTES = 64 << 20;

export class FileDesk {
  readonly #intake = new Intake();

  constructor(
    readonly keeping: Keeping,
    /** A file of the model is staged, whole. */
    readonly onModelFile: (name: string) => void,
  ) {}

  /** A piece of `name`, or its end: the receipt then, null before. Undefined for what is no file that may be handed over. */
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
    if (receipt) await checkpoints.add(Number(step), { name: shard, ...receipt });
    return receipt;
  }

  /** The bytes that `query` asks for of a file of the checkpoint; null where there is no such file. */
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

  /** Drop what is half written. */
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
