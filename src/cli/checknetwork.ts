/**
 * `npm start -- --check`: what this machine can tell about the network before a lecture. Asks its own server through every
 * address that devices may use, as they will. Whether two devices reach each other only they can tell.
 */
import { createSocket } from 'node:dgram';
import { request as requestPlain } from 'node:http';
import { request as requestTls } from 'node:https';
import { connect as connectTcp } from 'node:net';
import { WebSocket } from 'ws';
import { RelayClient, type RelaySocketLike } from '../net/relay/relayclient';
import { relayOffer } from '../net/relay/relaykeys';
import { deriveRoom, newPeerId, newSecret } from '../net/signaling/roomkey';
import { SocketSignaling } from '../net/signaling/socketsignaling';
import { linkTransport } from '../net/wire/links';

/** One line of the answer; `advice` says what to do where it is not well. */
interface Finding {
  readonly isWell: boolean;
  readonly what: string;
  readonly advice?: string;
}

interface CheckedServer {
  /** Addresses of the pages, as devices open them. */
  readonly addresses: readonly string[];
  /** Address at which this process itself reaches the server. */
  readonly own: string;
  /** Origin of the pages. */
  readonly origin: string;
  readonly stunPort: number | null;
  readonly relays: boolean;
  readonly turn: readonly string[];
}

const ANSWER_MS = 2_000;
const RELAY_BYTES = 16 << 20;
const never = new AbortController().signal;

export async function checkNetwork(server: CheckedServer): Promise<readonly Finding[]> {
  const { addresses, stunPort, turn } = server;
  return [
    ...(await Promise.all(addresses.map(checkPage))),
    ...(await Promise.all(addresses.map((address) => checkStun(new URL(address).hostname, stunPort)))),
    await checkRelay(server),
    ...(await Promise.all(turn.map(checkTurn))),
    {
      isWell: true,
      what: 'Devices among each other: open the room on two of them and look at their connection, direct or relayed',
    },
  ];
}

async function checkPage(address: string): Promise<Finding> {
  const answer = await settled<string>((resolve) => {
    const request = address.startsWith('https:') ? requestTls : requestPlain;
    request(address, { rejectUnauthorized: false, timeout: ANSWER_MS }, ({ statusCode }) => resolve(`${statusCode}`))
      .on('error', ({ message }) => resolve(message))
      .end();
  });
  if (answer === '200') return { isWell: true, what: `Server reached at ${address}` };
  const advice = 'open its TCP port in the firewall of this machine, or choose another address with --host';
  return { isWell: false, what: `Server not reached at ${address} (${answer ?? 'no answer'})`, advice };
}

/** A binding request without attributes (stun.ts). */
const BINDING = Buffer.from([0, 1, 0, 0, 0x21, 0x12, 0xa4, 0x42, ...Array.from({ length: 12 }, (_, i) => i)]);

async function checkStun(host: string, port: number | null): Promise<Finding> {
  if (port === null) {
    const advice =
      'devices whose browsers hide their addresses meet only where the network passes mDNS: leave --no-stun out';
    return { isWell: false, what: 'No STUN responder', advice };
  }
  if (await isAnswered(host, port)) return { isWell: true, what: `UDP reached at ${host}:${port}` };
  const advice = `open UDP port ${port} in the firewall of this machine`;
  return { isWell: false, what: `UDP not reached at ${host}:${port}`, advice };
}

async function isAnswered(host: string, port: number): Promise<boolean> {
  const socket = createSocket(host.includes(':') ? 'udp6' : 'udp4');
  const answer = await settled<boolean>((resolve) => {
    socket.on('message', () => resolve(true));
    socket.on('error', () => resolve(false));
    socket.send(BINDING, port, host.replace(/^\[|\]$/g, ''), (error) => error && resolve(false));
  });
  socket.close();
  return answer ?? false;
}

/** A TURN server answers binding requests over UDP; over TCP it is enough that it accepts a connection. */
async function checkTurn(url: string): Promise<Finding> {
  const [, kind, host = '', given] = /^(turns?):([^:?]+)(?::(\d+))?/.exec(url)!;
  const port = Number(given ?? (kind === 'turns' ? 5349 : 3478));
  const isTcp = kind === 'turns' || url.endsWith('=tcp');
  if (isTcp ? await isAccepted(host, port) : await isAnswered(host, port)) {
    return { isWell: true, what: `TURN server reached at ${url}` };
  }
  const advice = `check the address and that ${isTcp ? 'TCP' : 'UDP'} port ${port} is open there`;
  return { isWell: false, what: `TURN server not reached at ${url}`, advice };
}

async function isAccepted(host: string, port: number): Promise<boolean> {
  const socket = connectTcp(port, host);
  const answer = await settled<boolean>((resolve) => {
    socket.on('connect', () => resolve(true));
    socket.on('error', () => resolve(false));
  });
  socket.destroy();
  return answer ?? false;
}

/** Two peers of this process exchange 16 MB through the relay. */
async function checkRelay({ own, origin, relays }: CheckedServer): Promise<Finding> {
  if (!relays) {
    const advice = 'devices that cannot reach each other stay apart: give --relay, or a TURN server with --turn';
    return { isWell: false, what: 'No relay', advice };
  }
  const secret = newSecret();
  const ends = await Promise.all([enter(own, origin, secret), enter(own, origin, secret)]);
  const halves = await Promise.all(ends.map(({ self }) => relayOffer(self)));
  const linked = ends.map(async ({ self, relay, connect }, i) => {
    const [other, theirs] = [ends[1 - i]!, halves[1 - i]!];
    const { bulk, control } = connect.pair(relay, other.self, await halves[i]!.join(other.self, theirs.half));
    const { transport } = ends[i]!;
    transport.addLink(other.self, bulk, control, 'relayed');
    await new Promise<void>((resolve) => transport.onPeers(({ size }) => size > 0 && resolve()));
    return self;
  });
  const finding = await settled<Finding>(async (resolve) => {
    const [from, to] = await Promise.all(linked);
    const startMs = performance.now();
    void ends[0]!.transport.send(to!, '1/0/check', new Uint8Array(RELAY_BYTES));
    await ends[1]!.transport.recv(from!, '1/0/check', never);
    const rate = RELAY_BYTES / 1e3 / (performance.now() - startMs);
    const { rttMs } = ends[0]!.transport.stats()[0]!;
    resolve({
      isWell: true,
      what: `Relay: ${rate.toFixed(0)} MB/s, ${rttMs.toFixed(0)} ms under load, on this machine`,
    });
  }, 20_000);
  for (const { transport, signaling } of ends) {
    transport.close();
    signaling.close();
  }
  return (
    finding ?? { isWell: false, what: 'The relay passed nothing in 20 s', advice: 'look whether this machine is busy' }
  );
}

async function enter(own: string, origin: string, secret: string) {
  const self = newPeerId();
  const url = new URL('./signal', own.replace(/^http/, 'ws')).href;
  const presence = { peer: self, name: '', adapter: '', state: 'observer', hidden: false, build: '', run: '' } as const;
  const open = (to: string) => new WebSocket(to, { rejectUnauthorized: false, headers: { Origin: origin } });
  const signaling = new SocketSignaling({ url, room: await deriveRoom(secret), presence, connect: open });
  await signaling.met;
  const connect = new RelayClient((to) => open(to) as unknown as RelaySocketLike);
  return { self, signaling, relay: signaling.relay!, connect, transport: linkTransport({ self }) };
}

/** What `ask` resolves with, or undefined after `withinMs`. */
function settled<T>(ask: (resolve: (value: T) => void) => unknown, withinMs = ANSWER_MS): Promise<T | undefined> {
  return new Promise((resolve) => {
    const timer = setTimeout(() => resolve(undefined), withinMs);
    ask((value) => {
      clearTimeout(timer);
      resolve(value);
    });
  });
}
