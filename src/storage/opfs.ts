/**
 * Files of this origin in the browser's private file system. Writing needs a dedicated Worker (synchronous handles: five
 * times as fast as the asynchronous ones); reading works in a page, too. A name is there with all of its file, or not at all.
 */
import { sha256 } from '@noble/hashes/sha2.js';
import { bytesToHex } from '@noble/hashes/utils.js';
import { StorageError } from '../errors';
import type { ByteSink, ByteSource, Outlet, Receipt } from './bytes';

/** What is being written has this ending until it is whole. */
const UNFINISHED = '.part';

/** What a Worker has of a file beyond a page; the types are those of a page. */
interface SyncHandle {
  write(bytes: Uint8Array<ArrayBuffer>, options: { readonly at: number }): number;
  truncate(sizeBytes: number): void;
  flush(): void;
  close(): void;
}
interface WorkerFile extends FileSystemFileHandle {
  createSyncAccessHandle(): Promise<SyncHandle>;
  /** Replaces a file of that name. */
  move(name: string): Promise<void>;
}

/** A folder of the browser's private file system. */
export class OpfsFolder implements Outlet {
  private constructor(readonly handle: FileSystemDirectoryHandle) {}

  /** Make the folder where it is not there. Rejects with StorageError where the browser gives no storage. */
  static async open(...path: readonly string[]): Promise<OpfsFolder> {
    return answered(async () => {
      let handle = await navigator.storage.getDirectory();
      for (const name of path) handle = await handle.getDirectoryHandle(name, { create: true });
      return new OpfsFolder(handle);
    });
  }

  /** Names of the folders or of the whole files in it. */
  async list(kind: FileSystemHandleKind): Promise<readonly string[]> {
    return answered(async () => {
      const names: string[] = [];
      for await (const [name, entry] of this.handle.entries()) {
        if (entry.kind === kind && !name.endsWith(UNFINISHED)) names.push(name);
      }
      return names.sort();
    });
  }

  /** Write a file that replaces the one of this name when it is closed. */
  async create(name: string): Promise<ByteSink> {
    const file = (await answered(() =>
      this.handle.getFileHandle(`${name}${UNFINISHED}`, { create: true }),
    )) as WorkerFile;
    const handle = await answered(() => file.createSyncAccessHandle());
    return answered(async () => {
      handle.truncate(0);
      return new OpfsSink(this, file, handle, name);
    });
  }

  /** Null where there is no such file. */
  async read(name: string): Promise<ByteSource | null> {
    const file = await this.#file(name);
    return (
      file && {
        sizeBytes: file.size,
        read: (from, to) => answered(async () => new Uint8Array(await file.slice(from, to).arrayBuffer())),
      }
    );
  }

  async readText(name: string): Promise<string | null> {
    const file = await this.#file(name);
    return file && answered(() => file.text());
  }

  /** Remove what was left half written, by a tab that was killed. */
  async clean(): Promise<void> {
    await answered(async () => {
      const names: string[] = [];
      for await (const name of this.handle.keys()) if (name.endsWith(UNFINISHED)) names.push(name);
      for (const name of names) await this.handle.removeEntry(name);
    });
  }

  async remove(name: string): Promise<void> {
    await answered(() => this.handle.removeEntry(name, { recursive: true }));
  }

  async #file(name: string): Promise<File | null> {
    try {
      return await (await this.handle.getFileHandle(name)).getFile();
    } catch (error) {
      if (error instanceof DOMException && error.name === 'NotFoundError') return null;
      throw refusal(error);
    }
  }
}

class OpfsSink implements ByteSink {
  readonly #hash = sha256.create();
  #sizeBytes = 0;

  constructor(
    readonly folder: OpfsFolder,
    readonly file: WorkerFile,
    readonly handle: SyncHandle,
    readonly name: string,
  ) {}

  async write(bytes: Uint8Array<ArrayBuffer>): Promise<void> {
    try {
      const written = this.handle.write(bytes, { at: this.#sizeBytes });
      if (written !== bytes.byteLength) throw new StorageError(`${written} of ${bytes.byteLength} bytes were written`);
    } catch (error) {
      this.handle.close();
      // why: a half of a file must not take the room of the next one
      await this.folder.remove(this.file.name);
      throw refusal(error);
    }
    this.#hash.update(bytes);
    this.#sizeBytes += bytes.byteLength;
  }

  async close(): Promise<Receipt> {
    await answered(async () => {
      try {
        this.handle.flush();
      } finally {
        this.handle.close();
      }
      await this.file.move(this.name);
    });
    return { sizeBytes: this.#sizeBytes, sha256: bytesToHex(this.#hash.digest()) };
  }
}

async function answered<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    throw refusal(error);
  }
}

function refusal(error: unknown): StorageError {
  if (error instanceof StorageError) return error;
  const { name, message } = error instanceof Error ? error : { name: '', message: String(error) };
  if (name === 'QuotaExceededError') return new StorageError('the storage of this browser is full');
  if (name === 'SecurityError')
    return new StorageError('this browser gives the page no storage, as in a private window');
  return new StorageError(`the storage of this browser cannot be used (${message})`);
}
