/** A flood from one address: it gets no more than its share, and two clients of another address talk on unharmed. */
import { createServer, type IncomingMessage, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { WebSocket } from 'ws';
import { ADDRESS_LIMITS, addressOf, ClientAddresses } from '../../../src/server/addresses';
import { attachSignaling } from '../../../src/server/signal';

const FLOOD_SOCKETS = 1_000;
const MESSAGES = 50;

let server: Server;
let close: () => void;
beforeAll(async () => {
  server = createServer();
  close = attachSignaling(server, { programsMayOpen: true });
  // why all: 127.0.0.2 is an address of its own
  await new Promise<void>((resolve) => server.listen(0, '0.0.0.0', resolve));
});
afterAll(() => {
  close();
  server.close();
});

const idOf = (n: number) => n.toString(16).padStart(12, '0');
const hello = (n: number, room: string) =>
  JSON.stringify({ t: 'hello', v: 1, room: room.repeat(22), peer: idOf(n), token: 't'.repeat(22), seal: 's' });

/** Null if the server refuses the socket. */
function open(from: string): Promise<WebSocket | null> {
  const { port } = server.address() as AddressInfo;
  const socket = new WebSocket(`ws://127.0.0.1:${port}/signal`, { localAddress: from });
  return new Promise((resolve) => {
    socket.on('open', () => resolve(socket));
    socket.on('error', () => resolve(null));
  });
}

test('a thousand sockets of one address flood: half are refused, and another address loses no message', async () => {
  const asked = await Promise.all(Array.from({ length: FLOOD_SOCKETS }, () => open('127.0.0.1')));
  const flood = asked.filter((socket) => socket !== null);
  expect(flood).toHaveLength(ADDRESS_LIMITS.sockets);
  const [a, b] = (await Promise.all([open('127.0.0.2'), open('127.0.0.2')])) as [WebSocket, WebSocket];
  a.send(hello(1, 'r'));
  b.send(hello(2, 'r'));
  for (const [n, socket] of flood.entries()) {
    socket.send(hello(n + 10, 'f'));
    for (let said = 0; said < 4; said++) {
      socket.send(JSON.stringify({ t: 'send', to: idOf(1), seal: 'x'.repeat(1000) }));
      socket.send('{"t":"nothing"');
    }
  }
  let passed = 0;
  await new Promise<void>((resolve, reject) => {
    b.on('message', (data) => {
      if (JSON.parse(data.toString()).t !== 'from') return;
      passed += 1;
      if (passed < MESSAGES) say();
      else resolve();
    });
    for (const socket of [a, b]) socket.on('close', () => reject(new Error('an honest socket was closed')));
    const say = () => {
      // why a pause: an honest client stays below the rate of its socket
      setTimeout(() => a.send(JSON.stringify({ t: 'send', to: idOf(2), seal: 's' })), 20);
    };
    say();
  });
  expect(passed).toBe(MESSAGES);
  for (const socket of [a, b]) socket.removeAllListeners('close');
  for (const socket of [...flood, a, b]) socket.terminate();
});

test('the sockets of an address share one rate, which fills again; a place is free when a socket has closed', () => {
  let now = 0;
  const addresses = new ClientAddresses({ sockets: 2, rate: { perSecond: 1, burst: 3 } }, () => now);
  const [one, two] = [addresses.admit('x')!, addresses.admit('x')!];
  expect(addresses.admit('x')).toBeNull();
  expect([one.take(), two.take(), one.take(), two.take()]).toEqual([true, true, true, false]);
  now += 1_000;
  expect(two.take()).toBe(true);
  expect(addresses.admit('y')!.take()).toBe(true);
  one.leave();
  expect(addresses.admit('x')).not.toBeNull();
});

test.each([
  ['10.0.0.7', undefined, false, '10.0.0.7'],
  ['::ffff:10.0.0.7', undefined, false, '10.0.0.7'],
  ['2001:db8:1:2:3:4:5:6', undefined, false, '2001:db8:1:2'],
  ['10.0.0.7', '1.2.3.4', false, '10.0.0.7'],
  ['127.0.0.1', '6.6.6.6, 1.2.3.4', true, '1.2.3.4'],
  ['127.0.0.1', undefined, true, '127.0.0.1'],
])('%s with x-forwarded-for %s, proxied %s, counts for %s', (remoteAddress, forwarded, isProxied, address) => {
  const request = { headers: { 'x-forwarded-for': forwarded }, socket: { remoteAddress } };
  expect(addressOf(request as unknown as IncomingMessage, isProxied)).toBe(address);
});
