import { BroadcastSignaling, type ChannelLike } from '../../src/net/signaling/broadcastsignaling';
import { deriveRoom } from '../../src/net/signaling/roomkey';
import type { Presence, Signaling } from '../../src/net/signaling/signaling';
import type { Services } from '../../src/net/signaling/signalwire';
import { type SocketLike, SocketSignaling } from '../../src/net/signaling/socketsignaling';
import { Hub, type HubConnection } from '../../src/server/hub';
import { HandClock } from './clock';

export const ROOM = await deriveRoom('s'.repeat(22));
export const idOf = (n: number) => n.toString(16).padStart(12, '0');
export const presenceOf = (n: number): Presence => ({
  peer: idOf(n),
  name: `tab ${n}`,
  adapter: '',
  state: 'observer',
  hidden: false,
  build: 'b',
  run: '',
});

/** Sealing is asynchronous and takes no timer: turns of the event loop pass until it has happened. */
export async function until(holds: () => boolean): Promise<void> {
  while (!holds()) await new Promise((resolve) => setImmediate(resolve));
}
export const turns = async () => {
  for (let i = 0; i < 50; i++) await new Promise((resolve) => setImmediate(resolve));
};

export function watched(signaling: Signaling) {
  const seen = { ids: [] as string[], messages: [] as unknown[], troubles: [] as string[] };
  signaling.onRoster((roster) => {
    seen.ids = [...roster.keys()].sort();
  });
  signaling.onMessage((from, message) => seen.messages.push([from, message]));
  signaling.onTrouble((sentence) => seen.troubles.push(sentence));
  return { signaling, seen };
}

/** One browser: its BroadcastChannel, and Web Locks that are given on when their holder's tab is gone. */
export class FakeBrowser {
  readonly channels = new Set<ChannelLike>();
  readonly #held = new Map<string, { readonly tab: number; readonly waiting: (() => void)[] }>();

  open(n: number, room = ROOM) {
    const channel: ChannelLike = {
      onmessage: null,
      postMessage: (data) => this.post(data, channel),
      close: () => this.channels.delete(channel),
    };
    this.channels.add(channel);
    const locks = {
      request: (...given: unknown[]) => this.#request(n, given[0] as string, given.at(-1) as () => unknown),
    };
    const presence = presenceOf(n);
    return watched(new BroadcastSignaling({ room, presence, channel, locks: locks as unknown as LockManager }));
  }

  post(data: unknown, from?: ChannelLike): void {
    for (const channel of this.channels) if (channel !== from) channel.onmessage?.({ data } as MessageEvent);
  }

  /** The tab's process ends: nothing is said, its locks go to whoever waits for them. */
  kill(n: number): void {
    for (const [name, { tab, waiting }] of this.#held) {
      if (tab !== n) continue;
      this.#held.delete(name);
      for (const given of waiting) given();
    }
  }

  async #request(tab: number, name: string, callback: () => unknown): Promise<void> {
    const holder = this.#held.get(name);
    if (holder) await new Promise<void>((given) => holder.waiting.push(given));
    else this.#held.set(name, { tab, waiting: [] });
    await callback();
  }
}

/** The server's rooms, and sockets that are plain calls. */
export class FakeServer {
  hub = this.#start();
  isUp = true;
  /** Envelopes delivered to peers. */
  echoes = 0;
  readonly #sockets = new Map<SocketLike, HubConnection>();

  constructor(private readonly services: Services = {}) {}

  open(n: number, clock = new HandClock()) {
    const connect = () => this.#connect();
    return watched(
      new SocketSignaling({ url: 'ws://server', room: ROOM, presence: presenceOf(n), connect, clock, random: () => 1 }),
    );
  }

  /** Everything it knew is gone with it. */
  die(): void {
    this.isUp = false;
    this.hub = this.#start();
    for (const socket of [...this.#sockets.keys()]) this.#drop(socket);
  }

  /** The newest socket's other end is gone. */
  dropNewest(): void {
    const [socket, connection] = [...this.#sockets].at(-1)!;
    this.#drop(socket);
    connection.closed();
  }

  /** The newest socket's network passes nothing any more, and nobody is told. */
  silenceNewest(): void {
    const [socket] = [...this.#sockets].at(-1)!;
    socket.send = () => {};
    socket.onmessage = null;
  }

  #start(): Hub {
    return new Hub(undefined, undefined, () => this.services);
  }

  #drop(socket: SocketLike): void {
    this.#sockets.delete(socket);
    socket.onclose?.(undefined as never);
  }

  #connect(): SocketLike {
    const socket: SocketLike = {
      onopen: null,
      onmessage: null,
      onclose: null,
      onerror: null,
      send: (text) => this.#sockets.get(socket)?.receive(text),
      close: () => {
        const connection = this.#sockets.get(socket);
        this.#sockets.delete(socket);
        connection?.closed();
      },
    };
    setImmediate(() => {
      if (!this.isUp) return socket.onclose?.(undefined as never);
      const send = (text: string) => {
        if (text.includes('"from"')) this.echoes += 1;
        socket.onmessage?.({ data: text } as never);
      };
      this.#sockets.set(socket, this.hub.connect({ send, close: () => this.#drop(socket), backlogBytes: 0 }));
      socket.onopen?.(undefined as never);
    });
    return socket;
  }
}
