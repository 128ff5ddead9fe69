/** The media of signaling, without a browser: a bus for BroadcastChannels, locks that die with their tab, a hub for sockets. */
import { describe, expect, test } from 'vitest';
import { ProtocolError } from '../../../src/errors';
import { BroadcastSignaling, type ChannelLike } from '../../../src/net/signaling/broadcastsignaling';
import { MergedSignaling } from '../../../src/net/signaling/mergedsignaling';
import { parsePresence } from '../../../src/net/signaling/presence';
import { deriveRoom } from '../../../src/net/signaling/roomkey';
import type { Presence, Signaling } from '../../../src/net/signaling/signaling';
import { type SocketLike, SocketSignaling } from '../../../src/net/signaling/socketsignaling';
import { type Connection, Hub } from '../../../src/server/hub';
import { HandClock } from '../../helpers/clock';

const ROOM = await deriveRoom('s'.repeat(22));
const idOf = (n: number) => n.toString(16).padStart(12, '0');
const presenceOf = (n: number): Presence => ({
  peer: idOf(n),
  name: `tab ${n}`,
  adapter: '',
  state: 'observer',
  hidden: false,
  build: 'b',
  run: '',
});

/** Sealing is asynchronous and takes no timer: turns of the event loop pass until it has happened. */
async function until(holds: () => boolean): Promise<void> {
  while (!holds()) await new Promise((resolve) => setImmediate(resolve));
}
const turns = async () => {
  for (let i = 0; i < 50; i++) await new Promise((resolve) => setImmediate(resolve));
};

function watched(signaling: Signaling) {
  const seen = { ids: [] as string[], messages: [] as unknown[], troubles: [] as string[] };
  signaling.onRoster((roster) => {
    seen.ids = [...roster.keys()].sort();
  });
  signaling.onMessage((from, message) => seen.messages.push([from, message]));
  signaling.onTrouble((sentence) => seen.troubles.push(sentence));
  return { signaling, seen };
}

/** One browser: its BroadcastChannel, and Web Locks that are given on when their holder's tab is gone. */
class FakeBrowser {
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

describe('tabs of one browser', () => {
  test('see each other, and say things that only they can read', async () => {
    const browser = new FakeBrowser();
    const [a, b] = [browser.open(1), browser.open(2)];
    await until(() => a.seen.ids.length === 2 && b.seen.ids.length === 2);
    a.signaling.send(idOf(2), { hello: 1 });
    await until(() => b.seen.messages.length === 1);
    expect(b.seen.messages).toEqual([[idOf(1), { hello: 1 }]]);
  });

  test('a tab that is gone without a word is missed as soon as its lock is free', async () => {
    const browser = new FakeBrowser();
    const [a, b] = [browser.open(1), browser.open(2)];
    await until(() => a.seen.ids.length === 2 && b.seen.ids.length === 2);
    browser.kill(2);
    await until(() => a.seen.ids.length === 1);
    // what it said last and was still on its way does not bring it back
    b.signaling.announce(presenceOf(2));
    await turns();
    expect(a.seen.ids).toEqual([idOf(1)]);
  });

  test('bye is enough, and comes at once', async () => {
    const browser = new FakeBrowser();
    const [a, b] = [browser.open(1), browser.open(2)];
    await until(() => a.seen.ids.length === 2 && b.seen.ids.length === 2);
    b.signaling.close();
    await until(() => a.seen.ids.length === 1);
  });

  test('what is not sealed for the room, or no frame at all, is not obeyed and stops nobody', async () => {
    const browser = new FakeBrowser();
    const a = browser.open(1);
    browser.open(7, await deriveRoom('x'.repeat(22)));
    for (const junk of [
      null,
      7,
      'here',
      {},
      { t: 'send', from: idOf(7) },
      { t: 'here', from: idOf(7), ask: true, seal: '?' },
    ]) {
      browser.post(junk);
    }
    const b = browser.open(2);
    await until(() => a.seen.ids.length === 2 && b.seen.ids.length === 2);
    expect(a.seen.ids).toEqual([1, 2].map(idOf));
  });
});

/** The server's rooms, and sockets that are plain calls. */
class FakeServer {
  hub = new Hub();
  isUp = true;
  /** Envelopes delivered to peers. */
  echoes = 0;
  readonly #sockets = new Map<SocketLike, Connection>();

  open(n: number, clock = new HandClock()) {
    const connect = () => this.#connect();
    return watched(
      new SocketSignaling({ url: 'ws://server', room: ROOM, presence: presenceOf(n), connect, clock, random: () => 1 }),
    );
  }

  /** Everything it knew is gone with it. */
  die(): void {
    this.isUp = false;
    this.hub = new Hub();
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

describe('peers of a signaling server', () => {
  test('see each other, talk, and are missed as soon as their socket has closed', async () => {
    const server = new FakeServer();
    const a = server.open(1);
    await until(() => server.hub.roomCount === 1);
    const b = server.open(2);
    await until(() => a.seen.ids.length === 2 && b.seen.ids.length === 2);
    b.signaling.send(idOf(1), 'hello');
    await until(() => a.seen.messages.length === 1);
    expect(a.seen.messages).toEqual([[idOf(2), 'hello']]);
    // its process ends: the server sees the socket close and says so
    const clock = new HandClock();
    const c = server.open(3, clock);
    await until(() => a.seen.ids.length === 3 && c.seen.ids.length === 3);
    server.dropNewest();
    await until(() => a.seen.ids.length === 2);
  });

  test('a socket that falls silent without closing is noticed within 30 s and replaced; an idle one that echoes is kept', async () => {
    const server = new FakeServer();
    const clock = new HandClock();
    const a = server.open(1, clock);
    await until(() => server.hub.roomCount === 1);
    for (let tens = 1; tens <= 12; tens++) {
      clock.advance(10_000);
      // every second time it has heard nothing since the time before, and asks
      await until(() => server.echoes === Math.floor(tens / 2));
    }
    expect(a.seen.troubles).toEqual([]);
    server.silenceNewest();
    for (let tens = 0; tens < 3; tens++) {
      clock.advance(10_000);
      await turns();
    }
    expect(a.seen.troubles).toEqual(['The signaling server at ws://server cannot be reached; trying again.']);
    clock.advance(600);
    await until(() => a.seen.troubles.length === 2);
    expect(a.seen.troubles[1]).toBe('');
  });

  test('a server that dies takes nobody with it; who does not come back with it is gone in the end', async () => {
    const server = new FakeServer();
    const clocks = [new HandClock(), new HandClock()] as const;
    const a = server.open(1, clocks[0]);
    const b = server.open(2, clocks[1]);
    await until(() => a.seen.ids.length === 2 && b.seen.ids.length === 2);
    server.die();
    await turns();
    expect(a.seen.troubles).toEqual(['The signaling server at ws://server cannot be reached; trying again.']);
    expect(a.seen.ids).toEqual([1, 2].map(idOf));
    server.isUp = true;
    clocks[0].advance(600);
    await until(() => a.seen.troubles.length === 2);
    expect(a.seen.troubles[1]).toBe('');
    expect(a.seen.ids).toEqual([1, 2].map(idOf));
    clocks[0].advance(36_000);
    expect(a.seen.ids).toEqual([idOf(1)]);
  });
});

describe('who was here before', () => {
  test('has been heard when a newcomer says that it has met them, over each medium and over both', async () => {
    const browser = new FakeBrowser();
    const server = new FakeServer();
    for (const n of [1, 2]) await browser.open(n).signaling.met;
    await server.open(3).signaling.met;
    const near = browser.open(4);
    const far = server.open(4);
    const both = watched(new MergedSignaling([near.signaling, far.signaling]));
    await near.signaling.met;
    expect(near.seen.ids).toEqual([1, 2, 4].map(idOf));
    await far.signaling.met;
    expect(far.seen.ids).toEqual([3, 4].map(idOf));
    await both.signaling.met;
    expect(both.seen.ids).toEqual([1, 2, 3, 4].map(idOf));
  });

  test('is not waited for where the server cannot be reached, nor after closing', async () => {
    const server = new FakeServer();
    server.isUp = false;
    const a = server.open(1);
    await a.signaling.met;
    expect(a.seen.troubles.length).toBe(1);
    const b = server.open(2);
    b.signaling.close();
    await b.signaling.met;
  });
});

test('a tab met in this browser is believed gone when its lock says so, whatever the server still says', async () => {
  const browser = new FakeBrowser();
  const server = new FakeServer();
  const near = browser.open(1).signaling;
  const far = server.open(1).signaling;
  const a = watched(new MergedSignaling([near, far]));
  await until(() => server.hub.roomCount === 1);
  const b = browser.open(2);
  server.open(2);
  const c = server.open(3);
  await until(() => a.seen.ids.length === 3 && b.seen.ids.length === 2 && c.seen.ids.length === 3);
  a.signaling.send(idOf(2), 'near');
  a.signaling.send(idOf(3), 'far');
  await until(() => b.seen.messages.length === 1 && c.seen.messages.length === 1);
  browser.kill(2);
  await until(() => a.seen.ids.length === 2);
  expect(a.seen.ids).toEqual([1, 3].map(idOf));
});

test('what a peer says of its machine is a hash or nothing', () => {
  const said = { ...presenceOf(1), machine: '0123456789abcdef' };
  expect(parsePresence(idOf(1), said).machine).toBe('0123456789abcdef');
  expect(parsePresence(idOf(1), presenceOf(1))).toEqual(presenceOf(1));
  for (const machine of ['0123456789ABCDEF', 'x'.repeat(16), 7, ''])
    expect(() => parsePresence(idOf(1), { ...said, machine })).toThrow(ProtocolError);
});
