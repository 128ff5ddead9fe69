/**
 * The secret of a room. HKDF-SHA-256 derives two values from it: the id, which the server sees, and the key, which it
 * never sees. The secret travels only in the URL fragment, which browsers do not send.
 */
import { InputError } from '../../errors';

export interface RoomKey {
  /** The room's id at the signaling server: 22 base64url characters. It reveals nothing about the secret. */
  readonly id: string;
  /** AES-GCM, not extractable. */
  readonly key: CryptoKey;
}

const SECRET_BYTES = 16;
const SECRET = /^[A-Za-z0-9_-]{22}$/;

export function toBase64Url(bytes: Uint8Array): string {
  let binary = '';
  for (const byte of bytes) binary += String.fromCharCode(byte);
  return btoa(binary).replaceAll('+', '-').replaceAll('/', '_').replace(/=+$/, '');
}

/** Decodes base64url. Throws DOMException or TypeError on other text; callers turn that into a ProtocolError. */
export function fromBase64Url(text: string): Uint8Array<ArrayBuffer> {
  return Uint8Array.from(atob(text.replaceAll('-', '+').replaceAll('_', '/')), (char) => char.charCodeAt(0));
}

/** Makes a new 128-bit secret as 22 base64url characters. */
export function newSecret(): string {
  return toBase64Url(crypto.getRandomValues(new Uint8Array(SECRET_BYTES)));
}

/** Makes a new peer id: 48 random bits as hex. Between otherwise equal peers, the lower id becomes the authority. */
export function newPeerId(): string {
  return [...crypto.getRandomValues(new Uint8Array(6))].map((byte) => byte.toString(16).padStart(2, '0')).join('');
}

export function isSecret(text: string): boolean {
  return SECRET.test(text);
}

/** Derives the id and the key of the room. Throws InputError when `secret` is not 22 base64url characters. */
export async function deriveRoom(secret: string): Promise<RoomKey> {
  if (!isSecret(secret)) {
    throw new InputError(`The room in the link must be 22 letters, digits, - or _, not ${secret.length} characters.`);
  }
  const base = await crypto.subtle.importKey('raw', fromBase64Url(secret), 'HKDF', false, ['deriveBits', 'deriveKey']);
  const hkdf = (info: string) => ({
    name: 'HKDF',
    hash: 'SHA-256',
    salt: new TextEncoder().encode('tabtrain room 1'),
    info: new TextEncoder().encode(info),
  });
  const id = new Uint8Array(await crypto.subtle.deriveBits(hkdf('id'), base, SECRET_BYTES * 8));
  const key = await crypto.subtle.deriveKey(hkdf('sig'), base, { name: 'AES-GCM', length: 256 }, false, [
    'encrypt',
    'decrypt',
  ]);
  return { id: toBase64Url(id), key };
}

/**
 * The `room` of a URL fragment such as `#room=...&m=...`; undefined where it is missing or malformed. What mailers and
 * chats put behind a link (a full stop, a bracket, a quotation mark) is ignored; no letter of the secret is.
 */
export function secretOfFragment(fragment: string): string | undefined {
  const room = new URLSearchParams(fragment.replace(/^#/, '')).get('room') ?? '';
  const [secret = ''] = room.split(/[^A-Za-z0-9_-]/, 1);
  return isSecret(secret) ? secret : undefined;
}
