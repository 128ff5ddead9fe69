/**
 * Files of this origin in the browser's private file system (OPFS). Writing needs a dedicated Worker, because it uses
 * synchronous handles, which are five times as fast as asynchronous ones. Reading also works in a page. A file appears
 * under its name only when all of it is written.
 */
import { StorageError } from '../errors';
import type { ByteSink, ByteSource, Outlet, Receipt } from './bytes';
import { inTime } from './intime';
import type { RunningHash } from './runninghash';

/** Suffix of a file that is still being written. */
const UNFINISHED = '.part';

/** The file handle methods that only Workers have. TypeScript's types for pages lack them. */
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

  /** Open the folder and create it if it does not exist. Rejects with StorageError if the browser gives no storage. */
  static async open(...path: readonly string[]): Promise<OpfsFolder> {
    return answered(async () => {
      let handle = await navigator.storage.getDirectory();
      for (const name of path) handle = await handle.getDirectoryHandle(name, { create: true });
      return new OpfsFolder(handle);
    });
  }

  /** Sorted names of the folders, or of the complete files, in this folder. */
  async list(kind: FileSystemHandleKind): Promise<readonly string[]> {
    return answered(async () => {
      const names: string[] = [];
      for await (const [name, entry] of this.handle.entries()) {
        if (entry.kind === kind && !name.endsWith(UNFINISHED)) names.push(name);
      }
      return names.sort();
    });
  }

  /** Begin a file. On close it replaces an existing file of this name. */
  async create(name: string): Promise<ByteSink> {
    const file = (await answered(() =>
      this.handle.getFileHandle(`${name}${UNFINISHED}`, { create: true }),
    )) as WorkerFile;
    // why only now: pages read and never write
    const { startHash } = await import('./runninghash');
    const handle = await answered(() => file.createSyncAccessHandle());
    return answered(async () => {
      handle.truncate(0);
      return new OpfsSink(this, file, handle, name, startHash());
    });
  }

  /** Null if there is no such file. */
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

  /** Remove the unfinished files that a killed tab left behind. */
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
  #sizeBytes = 0;

  constructor(
    readonly folder: OpfsFolder,
    readonly file: WorkerFile,
    readonly handle: SyncHandle,
    readonly name: string,
    readonly hash: RunningHash,
  ) {}

  async write(bytes: Uint8Array<ArrayBuffer>): Promise<void> {
    try {
      const written = this.handle.write(bytes, { at: this.#sizeBytes });
      // a full disk, unlike a used-up quota, throws nothing: the browser writes a part
      if (written !== bytes.byteLength) {
        throw new StorageError(`the disk is full (${written} of ${bytes.byteLength} bytes were written)`);
      }
    } catch (error) {
      this.handle.close();
      // why: an unfinished file would take storage space from the next one
      await this.folder.remove(this.file.name);
      throw refusal(error);
    }
    this.hash.add(bytes);
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
    return { sizeBytes: this.#sizeBytes, sha256: this.hash.hex() };
  }
}

async function answered<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await inTime(work());
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
