/**
 * Files that ranks hand in, written piece by piece as they come: every piece at its place and with its hash, the whole with its
 * length. What is not whole is never seen under its name.
 */
import { createHash, type Hash } from 'node:crypto';
import { type FileHandle, mkdir, open } from 'node:fs/promises';
import { dirname } from 'node:path';
import { StorageError, sentenceOf } from '../errors';
import type { Receipt } from '../storage/bytes';

interface Open {
  readonly file: FileHandle;
  readonly hash: Hash;
  sizeBytes: number;
}

export class Intake {
  readonly #open = new Map<string, Open>();

  /**
   * The next piece of the file at `path`; the one at 0 begins it anew. Rejects with StorageError for a piece that came
   * broken, twice or out of order, and where it cannot be written.
   */
  async take(path: string, at: number, sha256: string, bytes: Uint8Array): Promise<void> {
    const found = createHash('sha256').update(bytes).digest('hex');
    if (found !== sha256)
      throw new StorageError(`the piece at ${at} of ${path} came with another hash than it was sent`);
    const one = at === 0 ? await this.#begin(path) : this.#open.get(path);
    if (!one || one.sizeBytes !== at) {
      throw new StorageError(`a piece at ${at} of ${path} came where ${one?.sizeBytes ?? 0} was due`);
    }
    one.sizeBytes += bytes.byteLength;
    one.hash.update(bytes);
    await written(path, () => one.file.write(bytes, 0, bytes.byteLength, at));
  }

  /** All pieces are there. Rejects with StorageError where they are not `sizeBytes` together. */
  async close(path: string, sizeBytes: number): Promise<Receipt> {
    const one = this.#open.get(path);
    if (!one || one.sizeBytes !== sizeBytes) {
      throw new StorageError(`${path} ended at ${one?.sizeBytes ?? 0} of ${sizeBytes} bytes`);
    }
    this.#open.delete(path);
    await written(path, async () => {
      await one.file.sync();
      await one.file.close();
    });
    return { sizeBytes, sha256: one.hash.digest('hex') };
  }

  /** Close what was left half written. */
  async end(): Promise<void> {
    const left = [...this.#open.values()];
    this.#open.clear();
    await Promise.all(left.map(({ file }) => file.close()));
  }

  async #begin(path: string): Promise<Open> {
    await this.#open.get(path)?.file.close();
    const file = await written(path, async () => {
      await mkdir(dirname(path), { recursive: true });
      return open(path, 'w');
    });
    const one = { file, hash: createHash('sha256'), sizeBytes: 0 };
    this.#open.set(path, one);
    return one;
  }
}

async function written<T>(path: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    const reason = sentenceOf(error);
    throw new StorageError(`${path} cannot be written (${reason}): make room on the disk, or choose another --out`);
  }
}
