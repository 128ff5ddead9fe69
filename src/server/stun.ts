/**
 * STUN responder (RFC 8489): tells a page by which address and port its UDP packets arrive, and does nothing else. With
 * that address two pages connect whose browsers hide their local addresses behind mDNS names that the network does not
 * pass. It has no TURN, no authentication and no state but the rate limits. A packet that is not a binding request gets
 * no answer, and an answer to IPv4 is 12 bytes longer than the shortest request.
 */
import { createSocket, type RemoteInfo, type Socket } from 'node:dgram';
import { SocketAddress } from 'node:net';
import { TokenBucket } from '../net/signaling/bucket';

const HEADER_BYTES = 20;
const BINDING_REQUEST = 0x0001;
const BINDING_ANSWER = 0x0101;
const XOR_MAPPED_ADDRESS = 0x0020;
const MAGIC_COOKIE = 0x2112a442;
/** Requests of browsers have at most a few attributes. */
const MOST_BYTES = 548;
/** Attribute types below this one must be understood by who answers; this responder understands none. */
const FIRST_OPTIONAL = 0x8000;

/**
 * Binding requests per second. An address may be a whole class behind a NAT: 30 tabs with 24 connections each ask some
 * 70 times a second only to keep their ports open.
 */
export const STUN_LIMITS = {
  perAddress: { perSecond: 500, burst: 2_000 },
  all: { perSecond: 10_000, burst: 20_000 },
  /** Addresses whose rate is remembered; of more, the one that was silent for longest is forgotten. */
  addresses: 4_096,
} as const;

export interface StunServer {
  readonly port: number;
  close(): void;
}

/** Listen on `host` at UDP `port`, or at a free port if that one is taken. Null if no port can be opened at all. */
export async function startStun(host: string, port: number): Promise<StunServer | null> {
  const socket = (await bind(host, port)) ?? (await bind(host, 0));
  if (!socket) return null;
  const limiter = new StunLimiter();
  socket.on('message', (packet, from) => {
    const answer = limiter.take(from.address) ? answerBinding(packet, from) : null;
    // A failure to send (a route that is gone) concerns only the sender, which asks again.
    if (answer) socket.send(answer, from.port, from.address, () => {});
  });
  socket.on('error', () => {});
  return { port: socket.address().port, close: () => socket.close() };
}

function bind(host: string, port: number): Promise<Socket | null> {
  const socket = createSocket(host.includes(':') ? 'udp6' : 'udp4');
  return new Promise((resolve) => {
    socket.once('error', () => {
      socket.close();
      resolve(null);
    });
    socket.bind({ port, address: host, exclusive: true }, () => {
      socket.removeAllListeners('error');
      resolve(socket);
    });
  });
}

/** The rates of all addresses together and of each one. */
export class StunLimiter {
  readonly #all: TokenBucket;
  /** Least recently heard first. */
  readonly #buckets = new Map<string, TokenBucket>();

  constructor(private readonly now: () => number = () => performance.now()) {
    this.#all = new TokenBucket(STUN_LIMITS.all, now);
  }

  /** Whether a packet from `address` may be answered now. */
  take(address: string): boolean {
    const bucket = this.#buckets.get(address) ?? new TokenBucket(STUN_LIMITS.perAddress, this.now);
    this.#buckets.delete(address);
    this.#buckets.set(address, bucket);
    if (this.#buckets.size > STUN_LIMITS.addresses) this.#buckets.delete(this.#buckets.keys().next().value!);
    return bucket.take() && this.#all.take();
  }
}

/** The answer to a binding request that came from `from`; null for every other packet. */
export function answerBinding(packet: Uint8Array, from: Pick<RemoteInfo, 'address' | 'port'>): Uint8Array | null {
  if (from.port === 0 || !isBindingRequest(packet)) return null;
  const address = addressBytes(from.address);
  if (!address) return null;
  const valueBytes = 4 + address.length;
  const answer = new Uint8Array(HEADER_BYTES + 4 + valueBytes);
  const view = new DataView(answer.buffer);
  view.setUint16(0, BINDING_ANSWER);
  view.setUint16(2, 4 + valueBytes);
  // cookie and transaction id
  answer.set(packet.subarray(4, HEADER_BYTES), 4);
  view.setUint16(HEADER_BYTES, XOR_MAPPED_ADDRESS);
  view.setUint16(HEADER_BYTES + 2, valueBytes);
  view.setUint8(HEADER_BYTES + 5, address.length === 4 ? 1 : 2);
  view.setUint16(HEADER_BYTES + 6, from.port ^ (MAGIC_COOKIE >>> 16));
  for (const [i, byte] of address.entries()) answer[HEADER_BYTES + 8 + i] = byte ^ packet[4 + i]!;
  return answer;
}

function isBindingRequest(packet: Uint8Array): boolean {
  if (packet.length < HEADER_BYTES || packet.length > MOST_BYTES || packet.length % 4 !== 0) return false;
  const view = new DataView(packet.buffer, packet.byteOffset, packet.byteLength);
  if (view.getUint16(0) !== BINDING_REQUEST || view.getUint32(4) !== MAGIC_COOKIE) return false;
  if (view.getUint16(2) !== packet.length - HEADER_BYTES) return false;
  let at = HEADER_BYTES;
  while (at < packet.length) {
    const isOptional = view.getUint16(at) >= FIRST_OPTIONAL;
    if (!isOptional) return false;
    at += 4 + ((view.getUint16(at + 2) + 3) & ~3);
  }
  return at === packet.length;
}

/** The 4 or 16 bytes of an IP address; 4 for an IPv4 address in IPv6 form. Null for text that is no address. */
function addressBytes(text: string): readonly number[] | null {
  const plain = text.replace(/%.*$/, '').replace(/^::ffff:(?=[\d.]+$)/i, '');
  if (/^[\d.]+$/.test(plain)) {
    const bytes = plain.split('.').map(Number);
    return bytes.length === 4 && bytes.every((byte) => byte <= 255) ? bytes : null;
  }
  return URL.canParse(`http://[${plain}]`) ? wordsOf(new SocketAddress({ address: plain, family: 'ipv6' })) : null;
}

/** The sixteen bytes of an IPv6 address, whose text may leave out one row of zeros. */
function wordsOf({ address }: SocketAddress): readonly number[] {
  const [head = '', tail] = address.split('::');
  const parse = (words: string) => (words === '' ? [] : words.split(':').map((word) => Number.parseInt(word, 16)));
  const [first, last] = [parse(head), parse(tail ?? '')];
  const words = [...first, ...new Array<number>(8 - first.length - last.length).fill(0), ...last];
  return words.flatMap((word) => [word >>> 8, word & 255]);
}
