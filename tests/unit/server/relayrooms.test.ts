/** The relay's rooms without any socket: who gets what, whose turn it is, and what hostile and slow sockets cost others. */
import fc from 'fast-check';
import { describe, expect, onTestFinished, test } from 'vitest';
import { RelayKind, relayKindOf, relayMessage, relayPeerOf } from '../../../src/net/relay/relaywire';
import { MAX_RELAY_BYTES } from '../../../src/server/relayhello';
import { RELAY_LIMITS, type RelayLimits, RelayRooms, type RelaySocket } from '../../../src/server/relayrooms';

const ROOM = 'r'.repeat(22);
const KB = 1024;
const idOf = (n: number) => n.toString(16).padStart(12, '0');

class FakeSocket implements RelaySocket {
  /** What has left the relay, as `peer kind bytes`. */
  readonly received: string[] = [];
  readonly #kept: { readonly bytes: number; readonly sent: () => void }[] = [];
  closed: string | undefined;
  isPaused = false;
  backlogBytes = 0;
  /** A socket that does not read keeps what it is given in the process. */
  reads = true;

  send(message: Uint8Array, sent: () => void): void {
    this.received.push(`${Number.parseInt(relayPeerOf(message), 16)} ${relayKindOf(message)} ${message.length - 8}`);
    if (this.reads) sent();
    else {
      this.backlogBytes += message.length;
      this.#kept.push({ bytes: message.length, sent });
    }
  }
  /** The other end reads one message. */
  readOne(): void {
    const { bytes, sent } = this.#kept.shift()!;
    this.backlogBytes -= bytes;
    sent();
  }
  close(_code: number, reason: string): void {
    this.closed ??= reason;
  }
  pause(): void {
    this.isPaused = true;
  }
  resume(): void {
    this.isPaused = false;
  }
}

function relay(limits: Partial<RelayLimits> = {}) {
  const clock = { now: 0 };
  const rooms = new RelayRooms({ ...RELAY_LIMITS, ...limits }, () => clock.now);
  onTestFinished(() => rooms.close());
  const join = (n: number, room = ROOM, more = {}) => {
    const socket = new FakeSocket();
    const connection = rooms.connect(socket);
    const ticket = rooms.ticketOf(room, idOf(n));
    connection.greet(JSON.stringify({ v: 1, room, peer: idOf(n), ticket, ...more }));
    const send = (to: number, sizeBytes = 10, kind: RelayKind = RelayKind.bulk) =>
      connection.receive(relayMessage(idOf(to), kind, new Uint8Array(sizeBytes)));
    return { socket, connection, send };
  };
  return { rooms, clock, join };
}

test('a message reaches the peer it names, with the sender in its place, within the room only', () => {
  const { join } = relay();
  const [a, b, stranger] = [join(1), join(2), join(3, 'q'.repeat(22))];
  a.send(2, 100);
  a.send(3);
  a.send(9);
  a.send(1);
  expect([a.socket.received, b.socket.received, stranger.socket.received]).toEqual([[], ['1 1 100'], []]);
});

test('a page and its Worker are one peer with a socket each, and sockets meet those of the same use', () => {
  const { join } = relay();
  const [worker, page] = [join(1), join(1, ROOM, { use: 'watch' })];
  const [otherWorker, otherPage] = [join(2), join(2, ROOM, { use: 'watch' })];
  worker.send(2, 10);
  page.send(2, 20);
  expect([worker, page].map(({ socket }) => socket.closed)).toEqual([undefined, undefined]);
  expect([otherWorker, otherPage].map(({ socket }) => socket.received)).toEqual([['1 1 10'], ['1 1 20']]);
  page.connection.closed();
  expect([otherWorker, otherPage].map(({ socket }) => socket.received.length)).toEqual([1, 2]);
});

test.each([
  ['no ticket', { v: 1, room: ROOM, peer: idOf(1) }],
  ['a ticket of nobody', { v: 1, room: ROOM, peer: idOf(1), ticket: 'x'.repeat(22) }],
  ['a use that there is not', { v: 1, room: ROOM, peer: idOf(1), ticket: 'x'.repeat(22), use: 'more' }],
  ['a field too many', { v: 1, room: ROOM, peer: idOf(1), ticket: 'x'.repeat(22), more: 1 }],
])('refuses a hello with %s', (_, hello) => {
  const { rooms } = relay();
  const socket = new FakeSocket();
  const connection = rooms.connect(socket);
  connection.greet(JSON.stringify(hello));
  expect([socket.closed === undefined, connection.greeted]).toEqual([false, false]);
});

test('the ticket of one peer does not let in another, nor the same into another room', () => {
  const { rooms } = relay();
  for (const [room, peer] of [
    [ROOM, idOf(2)],
    ['q'.repeat(22), idOf(1)],
  ] as const) {
    const socket = new FakeSocket();
    rooms.connect(socket).greet(JSON.stringify({ v: 1, room, peer, ticket: rooms.ticketOf(ROOM, idOf(1)) }));
    expect(socket.closed).toContain('ticket');
  }
});

test('any bytes close the socket that sent them or are passed on; nothing throws, and others are served', () => {
  const anything = fc.oneof(
    fc.uint8Array({ maxLength: 40 }),
    fc.uint8Array({ maxLength: 40 }).map((tail) => Uint8Array.from([0, 0, 0, 0, 0, 2, 1, 0, ...tail])),
    fc.constant(new Uint8Array(MAX_RELAY_BYTES + 1)),
    fc.string(),
  );
  fc.assert(
    fc.property(fc.array(anything, { maxLength: 20 }), fc.boolean(), (messages, isGreeted) => {
      const { rooms, join } = relay();
      const [b, c] = [join(2), join(3)];
      const hostile = isGreeted ? join(1).connection : rooms.connect(new FakeSocket());
      for (const message of messages) {
        if (typeof message === 'string') hostile.greet(message);
        else hostile.receive(message);
      }
      c.send(2, 33);
      expect(b.socket.received.at(-1)).toBe('3 1 33');
      expect(b.socket.closed).toBeUndefined();
    }),
    { numRuns: 500 },
  );
});

test('the peers that it talked to are told when a peer goes, the others are not', () => {
  const { join } = relay();
  const [a, b, c] = [join(1), join(2), join(3)];
  a.send(2);
  a.connection.closed();
  expect(b.socket.received).toEqual(['1 1 10', `1 ${RelayKind.gone} 0`]);
  expect(c.socket.received).toEqual([]);
});

test('a newer socket of the same peer takes its place', () => {
  const { join } = relay();
  const [old, b] = [join(1), join(2)];
  old.send(2);
  const next = join(1);
  expect(old.socket.closed).toContain('newer');
  b.send(1);
  expect([old.socket.received, next.socket.received]).toEqual([[], ['2 1 10']]);
});

describe('turns', () => {
  test('a receiver that is slow takes one message of each sender in turn, however much each has sent', () => {
    const { join } = relay();
    const [greedy, modest, slow] = [join(1), join(2), join(3)];
    slow.socket.reads = false;
    for (let i = 0; i < 60; i++) greedy.send(3, 64 * KB);
    for (let i = 0; i < 5; i++) modest.send(3, 64 * KB);
    const before = slow.socket.received.length;
    while (slow.socket.backlogBytes > 0) slow.socket.readOne();
    const turns = slow.socket.received.slice(before, before + 10).map((message) => message[0]);
    expect(turns.filter((from) => from === '2')).toHaveLength(5);
    expect(slow.socket.received).toHaveLength(65);
  });

  test('the budget of the server is shared by turns: a flood of one sender leaves the other its half', () => {
    const perSecond = 1024 * KB;
    const { clock, rooms, join } = relay({
      all: { perSecond, burst: 64 * KB },
      pairBytes: 1 << 30,
      receiverBytes: 1 << 30,
    });
    const [flood, honest, a, b] = [join(1), join(2), join(3), join(4)];
    // why one by one: an honest sender waits for acknowledgements
    const step = () => {
      for (let i = 0; i < 20; i++) flood.send(3, 32 * KB);
      honest.send(4, 32 * KB);
      honest.send(4, 32 * KB);
    };
    step();
    for (let i = 0; i < 100; i++) {
      clock.now += 62.5;
      step();
    }
    const [flooded, kept] = [a, b].map(({ socket }) => socket.received.length);
    // 6.25 s at 1 MB/s are some 200 messages: half of them, or all that it sent
    expect(kept).toBeGreaterThan(90);
    expect(Math.abs(kept! - flooded!)).toBeLessThan(20);
    expect(rooms.waitingBytes).toBeGreaterThan(0);
  });
});

describe('limits', () => {
  test('a sender that does not keep its window is closed; the receiver and the others lose nothing', () => {
    const { join } = relay();
    const [hostile, honest, slow] = [join(1), join(2), join(3)];
    slow.socket.reads = false;
    for (let i = 0; i < 200 && !hostile.socket.closed; i++) hostile.send(3, 64 * KB);
    expect(hostile.socket.closed).toContain('wait for one receiver');
    for (let i = 0; i < 10; i++) honest.send(3, 64 * KB);
    while (slow.socket.backlogBytes > 0) slow.socket.readOne();
    expect(slow.socket.closed).toBeUndefined();
    expect(slow.socket.received.filter((message) => message.startsWith('2 '))).toHaveLength(10);
  });

  test('a receiver that does not read is closed, and what waited for it is forgotten', () => {
    const { rooms, join } = relay({ receiverBytes: 1024 * KB });
    const [a, b, dead, c] = [join(1), join(2), join(3), join(4)];
    dead.socket.reads = false;
    for (let i = 0; i < 30 && !dead.socket.closed; i++) for (const sender of [a, b]) sender.send(3, 64 * KB);
    expect(dead.socket.closed).toContain('does not read');
    expect([a.socket.closed, b.socket.closed, rooms.waitingBytes]).toEqual([undefined, undefined, 0]);
    a.send(4);
    expect(c.socket.received).toEqual(['1 1 10']);
  });

  test('small messages count more than their bytes', () => {
    const { join } = relay();
    const [hostile, dead] = [join(1), join(2)];
    dead.socket.reads = false;
    dead.socket.backlogBytes = RELAY_LIMITS.backlogBytes;
    let sent = 0;
    while (!hostile.socket.closed) {
      hostile.send(2, 0);
      sent += 1;
    }
    expect(sent).toBeLessThan(RELAY_LIMITS.pairBytes / 500);
  });

  test('the fullest receiver goes when all of them together are too much', () => {
    const { join } = relay({ allBytes: 2048 * KB });
    const [a, slow, dead] = [join(1), join(2), join(3)];
    for (const { socket } of [slow, dead]) socket.reads = false;
    for (let i = 0; i < 8; i++) a.send(2, 64 * KB);
    for (let i = 0; i < 60 && !dead.socket.closed; i++) a.send(3, 64 * KB);
    expect([slow.socket.closed, dead.socket.closed]).toEqual([undefined, 'this socket does not read']);
  });

  test('a socket above its rate is not read from until it may send again; others are', async () => {
    const { join } = relay({ perSocket: { perSecond: 10_000 * KB, burst: 64 * KB } });
    const [flood, honest, b] = [join(1), join(2), join(3)];
    flood.send(3, 60 * KB);
    expect(flood.socket.isPaused).toBe(false);
    flood.send(3, 60 * KB);
    honest.send(3);
    expect([flood.socket.isPaused, honest.socket.isPaused]).toEqual([true, false]);
    expect(b.socket.received).toHaveLength(3);
    await expect.poll(() => flood.socket.isPaused).toBe(false);
  });
});
