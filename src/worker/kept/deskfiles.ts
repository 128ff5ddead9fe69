/**
 * The command line's server, as a rank of a headless run uses it. Files are sent and fetched in pieces, each with its
 * position and its hash. The other side is cli/run/headless.ts.
 */
import { StorageError } from '../../errors';
import type { ByteSink, ByteSource, Receipt } from '../../storage/bytes';
import { sha256 } from '../../train/hash';

/** Sends a file to `url`, the address of the file, which already has a query. */
export class DeskSink implements ByteSink {
  #sizeBytes = 0;

  constructor(
    readonly url: string,
    readonly what: string,
  ) {}

  async write(bytes: Uint8Array<ArrayBuffer>): Promise<void> {
    const hash = await sha256(bytes);
    await this.#post(`&at=${this.#sizeBytes}&sha256=${hash}`, bytes);
    this.#sizeBytes += bytes.byteLength;
  }

  async close(): Promise<Receipt> {
    const response = await this.#post(`&size=${this.#sizeBytes}`);
    const receipt = (await response.json()) as Receipt;
    if (receipt.sizeBytes === this.#sizeBytes) return receipt;
    throw new StorageError(`${this.what} arrived with ${receipt.sizeBytes} of ${this.#sizeBytes} bytes`);
  }

  #post(query: string, body?: Uint8Array<ArrayBuffer>): Promise<Response> {
    // why a Blob: Chromium sends it three times as fast as an array
    return askDesk(`${this.url}${query}`, this.what, { method: 'POST', ...(body && { body: new Blob([body]) }) });
  }
}

/** A file of `sizeBytes` bytes on the command line's server. */
export function deskSource(url: string, what: string, sizeBytes: number): ByteSource {
  return {
    sizeBytes,
    async read(from, to) {
      const response = await askDesk(`${url}?from=${from}&to=${to}`, what);
      const bytes = new Uint8Array(await response.arrayBuffer());
      if (bytes.byteLength === to - from) return bytes;
      throw new StorageError(`${what} gave ${bytes.byteLength} bytes where ${to - from} were asked for`);
    },
  };
}

/** Rejects with StorageError; its message is the server's own sentence if there is one. */
export async function askDesk(url: string, what: string, init: RequestInit = {}): Promise<Response> {
  const response = await fetch(url, init).catch((error: Error) => error);
  if (response instanceof Error) {
    throw new StorageError(
      `${what} could not be exchanged with the command that started this rank: ${response.message}`,
    );
  }
  if (response.ok) return response;
  throw new StorageError((await response.text()) || `${what} was refused with status ${response.status}`);
}
