/**
 * Files that ranks hand in, written piece by piece as they arrive. Each piece is checked by its position and hash, the
 * whole file by its length. An incomplete file never appears under its own name.
 */
import { createHash, type Hash } from 'node:crypto';
import { type FileHandle, mkdir, open } from 'node:fs/promises';
import { dirname } from 'node:path';
import { StorageError, sentenceOf } from '../../errors';
import type { Receipt } from '../../storage/bytes';

interface Open {
  readonly file: FileHandle;
  readonly hash: Hash;
  sizeBytes: number;
}

export class Intake {
  readonly #open = new Map<string, Open>();

  /**
   * Takes the next piece of the file at `path`; a piece at 0 starts the file again. Rejects with StorageError if a
   * piece is damaged, repeated or out of order, or if it cannot be written.
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

  /**
   * Ends the file at `path` after its last piece. Rejects with StorageError if the pieces are not `sizeBytes` together.
   */
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

  /** Closes unfinished files. */
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
