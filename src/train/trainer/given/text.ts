/** The bytes of a run's source on this tab: loaded once, or taken from the lowest rank that has them. */
import { InputError, ProtocolError } from '../../../errors';
import type { Tag, Transport } from '../../../net/wire/transport';
import type { PeerId } from '../../../plan/mesh';
import { sha256 } from '../../hash';
import { type Announcement, receiveBytes, sendBytes } from '../../state/exchange';
import type { Circuit } from '../../state/transfer';

type Described = Announcement['text'];

/** A peer that sends something, and until when it is waited for. */
interface Sender {
  readonly transport: Transport;
  readonly from: PeerId;
  readonly signal: AbortSignal;
}

export class TextSource {
  #source = '';
  #bytes: Uint8Array | null = null;
  #hash = '';

  /** The text; there only after `share`. */
  get bytes(): Uint8Array {
    return this.#bytes!;
  }

  constructor(readonly load: (source: string) => Promise<Uint8Array | null>) {}

  /** Size and hash of the text of `source` as this tab has it. Throws InputError for a file that cannot be read. */
  async describe(source: string): Promise<Described> {
    if (this.#source !== source) {
      this.#bytes = await this.load(source);
      this.#hash = this.#bytes ? await sha256(this.#bytes) : '';
      this.#source = source;
    }
    return { sizeBytes: this.#bytes?.byteLength ?? 0, hash: this.#hash };
  }

  /**
   * Returns the text. Before that, this rank sends it to others or receives it, as the announcements say. Throws
   * InputError if nobody has it or two peers have different ones, ProtocolError if the received bytes are not the
   * announced ones.
   */
  async share(circuit: Circuit, announcements: readonly Announcement[]): Promise<Uint8Array> {
    const { transport, mesh, signal } = circuit;
    const hashes = new Set(announcements.map(({ text }) => text.hash).filter((hash) => hash !== ''));
    if (hashes.size > 1) {
      throw new InputError(
        `peers brought different texts for ${this.#source}; give the same to all, or to one of them`,
      );
    }
    const from = announcements.findIndex(({ text }) => text.hash !== '');
    const source = announcements[from];
    if (!source) throw new InputError(`nobody in the room has the text of ${this.#source}; open the file in this tab`);
    const tag = `${mesh.generation}/0/text`;
    if (from === mesh.rank) {
      const lacking = mesh.peers.map((_, rank) => rank).filter((rank) => announcements[rank]!.text.hash === '');
      await Promise.all(lacking.map((rank) => sendBytes(transport, mesh.peers[rank]!, this.#bytes!, tag)));
    } else if (!this.#bytes) {
      await this.take(this.#source, { transport, from: mesh.peers[from]!, signal }, source.text, tag);
    }
    return this.#bytes!;
  }

  /** Whether this tab would have to take the text of `source` from a peer now. */
  async lacks(source: string): Promise<boolean> {
    try {
      return (await this.describe(source)).hash === '';
    } catch (error) {
      if (!(error instanceof InputError)) throw error;
      return true;
    }
  }

  /** Receive the text of `source`, which a peer sends under `tag`. Throws ProtocolError if it is not the announced one. */
  async take(source: string, { transport, from, signal }: Sender, { sizeBytes, hash }: Described, tag: Tag) {
    const bytes = await receiveBytes(transport, from, sizeBytes, tag, signal);
    if ((await sha256(bytes)) !== hash) throw new ProtocolError(`the text of ${from} is not the one it announced`);
    this.#source = source;
    this.#bytes = bytes;
    this.#hash = hash;
  }
}
