/**
 * The keys of one relayed link. Each end makes a P-256 pair for this link only and sends its public half sealed through
 * signaling, so the server learns neither half and cannot put itself in between. HKDF-SHA-256 derives one AES-GCM key for
 * each direction. The private halves are not kept, so whoever learns the room's secret later cannot read old traffic.
 */
import { ProtocolError } from '../../errors';
import type { PeerId } from '../../plan/mesh';
import { fromBase64Url, toBase64Url } from '../signaling/roomkey';

/** Not extractable; can be posted to a Worker. */
export interface RelayKeys {
  readonly send: CryptoKey;
  readonly receive: CryptoKey;
}

export interface RelayOffer {
  /** The public half, base64url. */
  readonly half: string;
  /** The keys with the half of `peer`. Throws ProtocolError for a half that is no point of the curve. */
  join(peer: PeerId, half: string): Promise<RelayKeys>;
}

const CURVE = { name: 'ECDH', namedCurve: 'P-256' } as const;

export async function relayOffer(self: PeerId): Promise<RelayOffer> {
  const { publicKey, privateKey } = await crypto.subtle.generateKey(CURVE, false, ['deriveBits']);
  const half = toBase64Url(new Uint8Array(await crypto.subtle.exportKey('raw', publicKey)));
  return {
    half,
    async join(peer, theirs) {
      const shared = await agree(privateKey, theirs);
      const [lower, higher] = self < peer ? [half, theirs] : [theirs, half];
      const salt = new TextEncoder().encode(`${lower}\n${higher}`);
      const keyOf = (from: PeerId, to: PeerId, use: 'encrypt' | 'decrypt') => {
        const info = new TextEncoder().encode(`tabtrain relay 1\n${from}\n${to}`);
        const hkdf = { name: 'HKDF', hash: 'SHA-256', salt, info };
        return crypto.subtle.deriveKey(hkdf, shared, { name: 'AES-GCM', length: 256 }, false, [use]);
      };
      const [send, receive] = await Promise.all([keyOf(self, peer, 'encrypt'), keyOf(peer, self, 'decrypt')]);
      return { send, receive };
    },
  };
}

async function agree(own: CryptoKey, theirs: string): Promise<CryptoKey> {
  try {
    const point = await crypto.subtle.importKey('raw', fromBase64Url(theirs), CURVE, false, []);
    const bits = await crypto.subtle.deriveBits({ name: 'ECDH', public: point }, own, 256);
    return await crypto.subtle.importKey('raw', bits, 'HKDF', false, ['deriveKey']);
  } catch {
    throw new ProtocolError('a relay offer carries no point of P-256');
  }
}
