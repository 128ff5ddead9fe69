/**
 * Interfaces for files as streams of bytes, kept in a folder, in a browser's storage or in another process. Pieces are
 * small, so memory stays bounded for a file of any size.
 */
import { startHash } from './runninghash';

/** Size and hash of a finished file, computed where the file is stored. */
export interface Receipt {
  readonly sizeBytes: number;
  /** SHA-256 of the whole file, hex. */
  readonly sha256: string;
}

/** A file that is being written, front to back. */
export interface ByteSink {
  /** Append `bytes`; the sink owns them from here on. Resolves when it can take more. Rejects with StorageError. */
  write(bytes: Uint8Array<ArrayBuffer>): Promise<void>;
  /** Finish the file. Resolves when it is stored. Rejects with StorageError; the written bytes are then not used. */
  close(): Promise<Receipt>;
}

/** A place that files are written to. */
export interface Outlet {
  /** Begin a file. On close it replaces an existing file of this name. Rejects with StorageError. */
  create(name: string): Promise<ByteSink>;
}

/** A file that can be read at any position. */
export interface ByteSource {
  readonly sizeBytes: number;
  /** The bytes [from, to). Rejects with StorageError if they cannot be read. */
  read(from: number, to: number): Promise<Uint8Array<ArrayBuffer>>;
}

/** Write a small file. */
export async function writeText(outlet: Outlet, name: string, text: string): Promise<Receipt> {
  const sink = await outlet.create(name);
  await sink.write(new TextEncoder().encode(text));
  return sink.close();
}

const PIECE_BYTES = 4 << 20;

/** SHA-256 of a whole file, hex. */
export async function hashOfSource(source: ByteSource): Promise<string> {
  const hash = startHash();
  for (let at = 0; at < source.sizeBytes; at += PIECE_BYTES) {
    hash.add(await source.read(at, Math.min(source.sizeBytes, at + PIECE_BYTES)));
  }
  return hash.hex();
}
