/** SHA-256 of bytes that come in pieces. */
import { sha256 } from '@noble/hashes/sha2.js';
import { bytesToHex } from '@noble/hashes/utils.js';

export interface RunningHash {
  add(bytes: Uint8Array): void;
  /** The hash of everything added, in hex. Called once, at the end. */
  hex(): string;
}

export function startHash(): RunningHash {
  const hash = sha256.create();
  return { add: (bytes) => void hash.update(bytes), hex: () => bytesToHex(hash.digest()) };
}
