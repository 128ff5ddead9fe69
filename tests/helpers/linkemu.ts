/**
 * A slow, lossy link between two WebRTC peers on one machine: a UDP proxy in user space. Signals pass through `rewrite`,
 * which puts the proxy's address into every candidate; packets then go through a token bucket with a drop-tail queue, a
 * delay line and random loss. Needs no root. Relay, TCP and IPv6 candidates are left out.
 */
import { createSocket, type Socket } from 'node:dgram';

export interface LinkShape {
  /** Of each direction; 0 is unlimited. */
  rateMbps: number;
  /** One way. */
  delayMs: number;
  /** Share of packets lost at random. */
  loss: number;
  /** Drop-tail queue before the rate, bytes. */
  queueBytes: number;
  /** The cable is cut. */
  isDown: boolean;
}

export interface DirectionStats {
  packets: number;
  bytes: number;
  droppedByQueue: number;
  droppedByLoss: number;
  /** Largest delay with which this process delivered a packet too late: the emulator's own error. */
  maxLateMs: number;
  /** The lateness that the given share of all packets did not exceed, in whole ms. */
  lateMs(share: number): number;
}

export interface EmulatedLink {
  /** The signal with the proxy's address in its candidates, or undefined when the candidate must not pass. */
  rewrite(signal: unknown, from: 0 | 1): unknown;
  /** Change the shape of both directions while packets flow. */
  set(shape: Partial<LinkShape>): void;
  /** From peer 0 to peer 1, and back. */
  stats(): readonly [DirectionStats, DirectionStats];
  close(): void;
}

const HOST = '127.0.0.1';

export async function emulateLink(shape: Partial<LinkShape>, seed = 1): Promise<EmulatedLink> {
  const sockets = [await bind(), await bind()] as const;
  // sockets[0] is the address that peer 0 takes for peer 1
  const addresses: [Address | undefined, Address | undefined] = [undefined, undefined];
  const candidates: [Address[], Address[]] = [[], []];
  const random = uniform(seed);
  const towards = (to: 0 | 1) => (packet: Uint8Array) => {
    const address = addresses[to] ?? candidates[to][0];
    if (address) sockets[to].send(packet, address.port, address.host);
  };
  const directions = [new Direction(shape, towards(1), random), new Direction(shape, towards(0), random)] as const;
  for (const from of [0, 1] as const) {
    sockets[from].on('message', (packet, sender) => {
      addresses[from] = { host: sender.address, port: sender.port };
      directions[from].push(packet);
    });
  }
  return {
    rewrite: (signal, from) =>
      rewriteSignal(signal, (line) => {
        const parsed = parseCandidate(line);
        if (!parsed) return undefined;
        candidates[from].push({ host: parsed.host, port: parsed.port });
        return parsed.withAddress(HOST, sockets[1 - from]!.address().port);
      }),
    set(next) {
      for (const direction of directions) Object.assign(direction.shape, next);
    },
    stats: () => [{ ...directions[0].stats }, { ...directions[1].stats }],
    close() {
      for (const socket of sockets) socket.close();
      for (const direction of directions) direction.close();
    },
  };
}

interface Address {
  readonly host: string;
  readonly port: number;
}

class Direction {
  readonly shape: LinkShape;
  readonly stats: DirectionStats = {
    packets: 0,
    bytes: 0,
    droppedByQueue: 0,
    droppedByLoss: 0,
    maxLateMs: 0,
    lateMs: (share) => this.#lateMs(share),
  };
  /** Packets by whole ms of lateness. */
  readonly #late: number[] = [];
  /** When everything that was accepted so far has left at the given rate. */
  #freeMs = 0;
  #line: { readonly atMs: number; readonly packet: Uint8Array }[] = [];
  #timer: NodeJS.Timeout | undefined;

  constructor(
    shape: Partial<LinkShape>,
    readonly deliver: (packet: Uint8Array) => void,
    readonly random: () => number,
  ) {
    this.shape = { rateMbps: 0, delayMs: 0, loss: 0, queueBytes: 256 << 10, isDown: false, ...shape };
  }

  push(packet: Uint8Array): void {
    const { rateMbps, delayMs, loss, queueBytes, isDown } = this.shape;
    if (isDown || this.random() < loss) {
      this.stats.droppedByLoss++;
      return;
    }
    const now = performance.now();
    let departMs = now;
    if (rateMbps > 0) {
      const bytesPerMs = (rateMbps * 1e6) / 8 / 1e3;
      if (Math.max(0, this.#freeMs - now) * bytesPerMs > queueBytes) {
        this.stats.droppedByQueue++;
        return;
      }
      this.#freeMs = Math.max(this.#freeMs, now) + packet.length / bytesPerMs;
      departMs = this.#freeMs;
    }
    this.#line.push({ atMs: departMs + delayMs, packet });
    this.#arm();
  }

  close(): void {
    clearTimeout(this.#timer);
    this.#line = [];
  }

  #arm(): void {
    if (this.#timer || this.#line.length === 0) return;
    this.#timer = setTimeout(
      () => {
        this.#timer = undefined;
        this.#drain();
        this.#arm();
      },
      Math.max(0, this.#line[0]!.atMs - performance.now()),
    );
  }

  #drain(): void {
    const now = performance.now();
    let due = 0;
    while (due < this.#line.length && this.#line[due]!.atMs <= now) {
      const { atMs, packet } = this.#line[due++]!;
      this.stats.packets++;
      this.stats.bytes += packet.length;
      this.#countLate(now - atMs);
      this.deliver(packet);
    }
    this.#line.splice(0, due);
  }

  #countLate(lateMs: number): void {
    this.stats.maxLateMs = Math.max(this.stats.maxLateMs, lateMs);
    this.#late[Math.ceil(lateMs)] = (this.#late[Math.ceil(lateMs)] ?? 0) + 1;
  }

  #lateMs(share: number): number {
    let packets = 0;
    for (let ms = 0; ms < this.#late.length; ms++) {
      packets += this.#late[ms] ?? 0;
      if (packets >= share * this.stats.packets) return ms;
    }
    return 0;
  }
}

function bind(): Promise<Socket> {
  const socket = createSocket({ type: 'udp4', recvBufferSize: 4 << 20, sendBufferSize: 4 << 20 });
  return new Promise((resolve, reject) => {
    socket.once('error', reject);
    socket.bind(0, HOST, () => {
      socket.removeAllListeners('error');
      // why: a peer that is gone answers with ICMP, which a cut cable would not
      socket.on('error', () => {});
      resolve(socket);
    });
  });
}

/** Apply `rewrite` to the candidate lines of an SDP signal or to the candidate of a trickled one. */
function rewriteSignal(signal: unknown, rewrite: (line: string) => string | undefined): unknown {
  const copy = structuredClone(signal) as { sdp?: string; candidate?: { candidate: string } };
  if (typeof copy.sdp === 'string') {
    const lines = copy.sdp.split('\r\n').map((line) => {
      if (!line.startsWith('a=candidate:')) return line;
      const changed = rewrite(line.slice(2));
      return changed && `a=${changed}`;
    });
    copy.sdp = lines.filter((line) => line !== undefined).join('\r\n');
  } else if (copy.candidate?.candidate) {
    const changed = rewrite(copy.candidate.candidate);
    if (!changed) return undefined;
    copy.candidate.candidate = changed;
  }
  return copy;
}

/** A UDP host candidate; an mDNS name (`*.local`) is a peer on this machine. */
function parseCandidate(line: string) {
  const match = line.match(/^(candidate:\S+ \d+) (\S+) (\d+) (\S+) (\d+) typ host(.*)$/);
  if (!match) return undefined;
  const [, start, protocol, priority, host, port, rest] = match as unknown as string[];
  if (protocol!.toLowerCase() !== 'udp' || host!.includes(':')) return undefined;
  return {
    host: host!.endsWith('.local') ? HOST : host!,
    port: Number(port),
    withAddress: (toHost: string, toPort: number) =>
      `${start} ${protocol} ${priority} ${toHost} ${toPort} typ host${rest}`,
  };
}

function uniform(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 32;
  };
}
