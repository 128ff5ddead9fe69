/**
 * Files as streams of bytes, whatever keeps them: a folder, the storage of a browser, another process. Pieces are small, so
 * memory stays bounded however large a file is.
 */
import { sha256 } from '@noble/hashes/sha2.js';
import { bytesToHex } from '@noble/hashes/utils.js';

/** What a sink has taken, counted and hashed where it was kept. */
export interface Receipt {
  readonly sizeBytes: number;
  /** SHA-256 of the whole file, hex. */
  readonly sha256: string;
}

/** A file that is being written, front to back. */
export interface ByteSink {
  /** Append; the sink owns `bytes` from here on. Resolves when it takes more; rejects with StorageError. */
  write(bytes: Uint8Array<ArrayBuffer>): Promise<void>;
  /** Resolves when all of the file is kept. Rejects with StorageError; what was written is not used then. */
  close(): Promise<Receipt>;
}

/** Where files are written to. */
export interface Outlet {
  /** Begin a file; it replaces one of this name when it is closed. Rejects with StorageError. */
  create(name: string): Promise<ByteSink>;
}

/** A file that is read at any place. */
export interface ByteSource {
  readonly sizeBytes: number;
  /** The bytes [from, to). Rejects with StorageError where they cannot be read. */
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
  const hash = sha256.create();
  for (let at = 0; at < source.sizeBytes; at += PIECE_BYTES) {
    hash.update(await source.read(at, Math.min(source.sizeBytes, at + PIECE_BYTES)));
  }
  return bytesToHex(hash.digest());
}
