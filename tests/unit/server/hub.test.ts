/** The rooms of the signaling server without any socket: who is told what, and what is refused. */
import { describe, expect, it } from 'vitest';
import { SERVER_RATE, type ServerMessage } from '../../../src/net/signaling/signalwire';
import { Hub, type HubSocket, LIMITS } from '../../../src/server/hub';

const ROOM = 'r'.repeat(22);
const TOKEN = 't'.repeat(22);
const idOf = (n: number) => n.toString(16).padStart(12, '0');

class FakeSocket implements HubSocket {
  readonly received: ServerMessage[] = [];
  closed: { code: number; reason: string } | undefined;
  backlogBytes = 0;
  send(text: string): void {
    this.received.push(JSON.parse(text));
  }
  close(code: number, reason: string): void {
    this.closed ??= { code, reason };
  }
}

function join(hub: Hub, n: number, { room = ROOM, token = TOKEN, v = 1 } = {}, mayOpen = true) {
  const socket = new FakeSocket();
  const connection = hub.connect(socket, { takeShared: () => true, mayOpen });
  connection.receive(JSON.stringify({ t: 'hello', v, room, peer: idOf(n), token, seal: `seal${n}` }));
  return { socket, connection };
}

describe('hub', () => {
  it('tells a newcomer who is here and the others that it came, changed and left', () => {
    const hub = new Hub();
    const a = join(hub, 1);
    const b = join(hub, 2);
    expect(a.socket.received).toEqual([
      { t: 'room', peers: [], services: {} },
      { t: 'here', peer: idOf(2), seal: 'seal2' },
    ]);
    expect(b.socket.received).toEqual([{ t: 'room', peers: [{ peer: idOf(1), seal: 'seal1' }], services: {} }]);
    b.connection.receive(JSON.stringify({ t: 'announce', seal: 'new' }));
    expect(a.socket.received.at(-1)).toEqual({ t: 'here', peer: idOf(2), seal: 'new' });
    b.connection.closed();
    expect(a.socket.received.at(-1)).toEqual({ t: 'left', peer: idOf(2) });
    expect(join(hub, 3).socket.received[0]).toEqual({
      t: 'room',
      peers: [{ peer: idOf(1), seal: 'seal1' }],
      services: {},
    });
  });

  it('stamps the sender and passes on within the room only, without any queue for absent peers', () => {
    const hub = new Hub();
    const a = join(hub, 1);
    const b = join(hub, 2);
    const stranger = join(hub, 3, { room: 'q'.repeat(22) });
    a.connection.receive(JSON.stringify({ t: 'send', to: idOf(2), seal: 'x' }));
    expect(b.socket.received.at(-1)).toEqual({ t: 'from', peer: idOf(1), seal: 'x' });
    a.connection.receive(JSON.stringify({ t: 'send', to: idOf(3), seal: 'x' }));
    expect(stranger.socket.received).toEqual([{ t: 'room', peers: [], services: {} }]);
    expect(a.socket.closed).toBeUndefined();
    const late = join(hub, 9);
    expect(late.socket.received).toHaveLength(1);
  });

  it.each([
    ['text that is not JSON', 'garbage'],
    ['deeply nested JSON', '['.repeat(30_000)],
    ['a JSON number', '7'],
    ['an unknown message', '{"t":"list"}'],
    [
      'a version that is no number',
      JSON.stringify({ t: 'hello', v: '1', room: ROOM, peer: idOf(1), token: TOKEN, seal: 's' }),
    ],
    ['a foreign sender id', JSON.stringify({ t: 'send', to: idOf(1), from: idOf(2), seal: 's' })],
    ['a message before hello', JSON.stringify({ t: 'announce', seal: 's' })],
    ['a malformed room', JSON.stringify({ t: 'hello', v: 1, room: '../etc', peer: idOf(1), token: TOKEN, seal: 's' })],
  ])('closes the socket on %s and serves the others on', (_, frame) => {
    const hub = new Hub();
    const a = join(hub, 1);
    const bad = new FakeSocket();
    hub.connect(bad).receive(frame);
    expect(bad.closed?.code).toBe(1008);
    expect(join(hub, 2).socket.closed).toBeUndefined();
    expect(a.socket.received.at(-1)).toMatchObject({ t: 'here', peer: idOf(2) });
  });

  it('closes a socket that says more than its rate', () => {
    let now = 0;
    const hub = new Hub(() => now);
    const { socket, connection } = join(hub, 1);
    const say = () => connection.receive(JSON.stringify({ t: 'announce', seal: 's' }));
    for (let n = 1; n < SERVER_RATE.burst; n++) say();
    expect(socket.closed).toBeUndefined();
    say();
    expect(socket.closed?.code).toBe(1008);
    now += 1000;
    const other = join(hub, 2);
    expect(other.socket.closed).toBeUndefined();
  });

  it('refuses rooms and peers above its limits with a sentence', () => {
    const hub = new Hub(undefined, { rooms: 1, peersPerRoom: 2 });
    join(hub, 1);
    join(hub, 2);
    const third = join(hub, 3);
    expect(third.socket.received).toEqual([{ t: 'refused', sentence: expect.stringContaining('2 peers') }]);
    expect(third.socket.closed?.code).toBe(1013);
    const elsewhere = join(hub, 4, { room: 'q'.repeat(22) });
    expect(elsewhere.socket.received).toEqual([{ t: 'refused', sentence: expect.stringContaining('1 rooms') }]);
  });

  it('refuses another version of signaling with a sentence that names both', () => {
    const hub = new Hub();
    const other = join(hub, 1, { v: 2 });
    const sentence = expect.stringMatching(/version 1 .* version 2/);
    expect(other.socket.received).toEqual([{ t: 'refused', sentence }]);
    expect(other.socket.closed?.code).toBe(1013);
    expect(hub.roomCount).toBe(0);
  });

  it('lets a program enter a room that is open, and open none', () => {
    const hub = new Hub();
    const early = join(hub, 1, {}, false);
    expect(early.socket.received).toEqual([{ t: 'refused', sentence: expect.stringContaining('Nobody has the room') }]);
    expect(hub.roomCount).toBe(0);
    const page = join(hub, 2);
    const program = join(hub, 3, {}, false);
    expect(program.socket.received).toMatchObject([{ t: 'room', peers: [{ peer: idOf(2) }] }]);
    page.connection.closed();
    // why: the socket of the last one may be replaced after its network has changed
    expect(join(hub, 3, {}, false).socket.closed).toBeUndefined();
  });

  it('lets a peer take its id over with its token only, without telling that it left', () => {
    const hub = new Hub();
    const watcher = join(hub, 1);
    const old = join(hub, 2);
    const thief = join(hub, 2, { token: 'z'.repeat(22) });
    expect(thief.socket.closed?.code).toBe(1013);
    expect(old.socket.closed).toBeUndefined();
    join(hub, 2);
    expect(old.socket.closed?.code).toBe(1008);
    old.connection.closed();
    expect(watcher.socket.received.filter(({ t }) => t === 'left')).toEqual([]);
  });

  it('closes a socket that does not read instead of keeping what waits for it', () => {
    const hub = new Hub();
    const slow = join(hub, 1);
    slow.socket.backlogBytes = LIMITS.backlogBytes + 1;
    join(hub, 2);
    expect(slow.socket.closed?.code).toBe(1008);
    expect(slow.socket.received).toHaveLength(1);
  });

  it('keeps nothing of a room that everybody has left', () => {
    const hub = new Hub();
    const a = join(hub, 1);
    expect(hub.roomCount).toBe(1);
    a.connection.closed();
    expect(hub.roomCount).toBe(0);
  });
});
