/**
 * Sealed envelopes: JSON encrypted with the room key, bound to room, medium, sender and receiver, numbered per sender
 * against replay. A server that forwards them can drop or delay them, but not read, forge, redirect or repeat them.
 */
import { ProtocolError } from '../../errors';
import type { PeerId } from '../../plan/mesh';
import { fromBase64Url, type RoomKey, toBase64Url } from './roomkey';

/** The receiver of a presence: all peers of the room. */
export const EVERYBODY = '*';
const IV_BYTES = 12;

export class Sealer {
  #sent = 0;
  readonly #highest = new Map<PeerId, number>();

  /** One per medium: two media keep no common order, so each needs numbers of its own. */
  constructor(
    private readonly room: RoomKey,
    private readonly self: PeerId,
    private readonly medium: string,
  ) {}

  async seal(to: PeerId | typeof EVERYBODY, message: unknown): Promise<string> {
    this.#sent += 1;
    const plain = new TextEncoder().encode(JSON.stringify([this.#sent, message]));
    const iv = crypto.getRandomValues(new Uint8Array(IV_BYTES));
    const sealed = await crypto.subtle.encrypt(this.#params(iv, this.self, to), this.room.key, plain);
    const envelope = new Uint8Array(IV_BYTES + sealed.byteLength);
    envelope.set(iv);
    envelope.set(new Uint8Array(sealed), IV_BYTES);
    return toBase64Url(envelope);
  }

  /** Throws ProtocolError when the envelope was not made by `from` for `to` in this room, or was seen before. */
  async open(from: PeerId, to: PeerId | typeof EVERYBODY, text: string): Promise<unknown> {
    const [number, message] = await this.#decrypt(from, to, text);
    if (number <= (this.#highest.get(from) ?? 0)) {
      throw new ProtocolError(`envelope ${number} of peer ${from} was already received`);
    }
    this.#highest.set(from, number);
    return message;
  }

  async #decrypt(from: PeerId, to: string, text: string): Promise<readonly [number, unknown]> {
    try {
      const envelope = fromBase64Url(text);
      const params = this.#params(envelope.subarray(0, IV_BYTES), from, to);
      const plain = await crypto.subtle.decrypt(params, this.room.key, envelope.subarray(IV_BYTES));
      const value: unknown = JSON.parse(new TextDecoder().decode(plain));
      if (Array.isArray(value) && Number.isSafeInteger(value[0])) return [value[0], value[1]];
    } catch {
      // A wrong key, a truncated envelope and text that is not base64 get the same error: none is sealed with our key.
    }
    throw new ProtocolError(`an envelope said to be of peer ${from} is not sealed with the key of this room`);
  }

  #params(iv: Uint8Array<ArrayBuffer>, from: PeerId, to: string): AesGcmParams {
    const bound = `${this.medium}\n${this.room.id}\n${from}\n${to}`;
    return { name: 'AES-GCM', iv, additionalData: new TextEncoder().encode(bound) };
  }
}
