/** What one client address may use of the signaling server, so that a flood from one place does not reach the others. */
import type { IncomingMessage } from 'node:http';
import { TokenBucket } from '../net/signaling/bucket';

/** One address may be a whole school behind a NAT. */
export interface AddressLimits {
  readonly sockets: number;
  readonly rate: { readonly perSecond: number; readonly burst: number };
}
export const ADDRESS_LIMITS: AddressLimits = { sockets: 512, rate: { perSecond: 2_000, burst: 10_000 } };

interface Client {
  sockets: number;
  readonly bucket: TokenBucket;
}

/** The place of one socket among those of its address. */
export interface Admission {
  /** Take one message from the address's rate; false if there is none left. */
  take(): boolean;
  /** Call once, when the socket has closed. */
  leave(): void;
}

export class ClientAddresses {
  readonly #clients = new Map<string, Client>();

  constructor(
    private readonly limits: AddressLimits = ADDRESS_LIMITS,
    private readonly now: () => number = () => performance.now(),
  ) {}

  /** Null if the address has as many sockets as it may have. */
  admit(address: string): Admission | null {
    const client = this.#clients.get(address) ?? { sockets: 0, bucket: new TokenBucket(this.limits.rate, this.now) };
    if (client.sockets >= this.limits.sockets) return null;
    client.sockets += 1;
    this.#clients.set(address, client);
    return {
      take: () => client.bucket.take(),
      leave: () => {
        client.sockets -= 1;
        if (client.sockets === 0) this.#clients.delete(address);
      },
    };
  }
}

/**
 * The address that a request counts for: an IPv4 address, or the 64 bits of IPv6 that one customer has. Behind a proxy
 * (`isProxied`) it is the address that the proxy has added last; what a client writes there itself is not believed.
 */
export function addressOf({ headers, socket }: IncomingMessage, isProxied: boolean): string {
  const forwarded = isProxied
    ? String(headers['x-forwarded-for'] ?? '')
        .split(',')
        .at(-1)!
        .trim()
    : '';
  const address = (forwarded || (socket.remoteAddress ?? '')).replace(/^::ffff:/, '');
  return address.includes(':') ? address.split(':').slice(0, 4).join(':') : address;
}
