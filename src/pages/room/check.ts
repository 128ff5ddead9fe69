/** "Check the network": what this page can tell before a lecture. Loaded when it is asked for. */
import type { LinkWays } from '../../net/signaling/signaling';
import type { RoomPerson } from './desk';
import { words } from './words';

/** One line of the answer; `advice` says what to do where it is not well. */
export interface Finding {
  readonly isWell: boolean;
  readonly what: string;
  readonly advice?: string;
}

/** What was seen. */
export interface NetworkSeen {
  /** Time of a request to the server, ms, and the rate of its largest file, 10^6 bytes a second; null without an answer. */
  readonly server: { readonly ms: number; readonly megabytesPerSecond: number } | null;
  /** Addresses of this device, as this page may learn them. */
  readonly addresses: readonly string[];
  readonly hadStun: boolean;
  readonly hadTurn: boolean;
  /** What STUN, TURN answered. */
  readonly isMapped: boolean;
  readonly isTurned: boolean;
  readonly isRefused: boolean;
  readonly relays: boolean;
  readonly people: readonly Pick<RoomPerson, 'name' | 'reach'>[];
}

/** Servers that do not answer within this time count as out of reach: a browser reports no error for them. */
const GATHER_MS = 2_000;
const SERVER_MS = 10_000;

export async function lookAtNetwork(ways: LinkWays, people: NetworkSeen['people']): Promise<NetworkSeen> {
  const [server, gathered] = await Promise.all([askServer(), gather(ways.iceServers)]);
  const urls = ways.iceServers.flatMap(({ urls }) => urls);
  const has = (kind: RegExp) => urls.some((url) => kind.test(url));
  return { server, ...gathered, hadStun: has(/^stun:/), hadTurn: has(/^turns?:/), relays: ways.relays, people };
}

async function askServer(): Promise<NetworkSeen['server']> {
  try {
    const signal = AbortSignal.timeout(SERVER_MS);
    const startMs = performance.now();
    await fetch('./', { method: 'HEAD', cache: 'no-store', signal });
    const ms = performance.now() - startMs;
    const { byteLength } = await (await fetch('./texts/moby-dick.txt', { cache: 'no-store', signal })).arrayBuffer();
    return { ms, megabytesPerSecond: byteLength / 1e3 / (performance.now() - startMs - ms) };
  } catch {
    return null;
  }
}

async function gather(iceServers: readonly RTCIceServer[]) {
  const addresses = new Set<string>();
  let [isMapped, isTurned, isRefused] = [false, false, false];
  const connection = new RTCPeerConnection({ iceServers: [...iceServers] });
  connection.addEventListener('icecandidate', ({ candidate }) => {
    if (!candidate?.address) return;
    if (candidate.type === 'relay') isTurned = true;
    else addresses.add(candidate.address);
    if (candidate.type === 'srflx') isMapped = true;
  });
  connection.addEventListener('icecandidateerror', ({ errorCode }) => {
    if (errorCode === 401) isRefused = true;
  });
  connection.createDataChannel('check');
  await connection.setLocalDescription();
  await new Promise((resolve) => setTimeout(resolve, GATHER_MS));
  connection.close();
  return { addresses: [...addresses], isMapped, isTurned, isRefused };
}

/** The answer, line by line. */
export function findingsOf(seen: NetworkSeen): readonly Finding[] {
  const { check } = words;
  const { server, addresses, people } = seen;
  // why: browsers hide addresses behind random names of mDNS, which tell a person nothing
  const shown = addresses.filter((address) => !address.endsWith('.local'));
  const apart = people.filter(({ reach }) => reach === 'none').map(({ name }) => name);
  const relayed = people.filter(({ reach }) => reach === 'relayed').map(({ name }) => name);
  const line = (isWell: boolean, what: string, advice: string): Finding =>
    isWell ? { isWell, what } : { isWell, what, advice };
  return [
    line(server !== null, server ? check.server(server.ms, server.megabytesPerSecond) : check.noServer, check.restart),
    line(
      addresses.length > 0,
      addresses.length > 0 ? check.own(shown, addresses.length - shown.length) : check.noOwn,
      check.useLan,
    ),
    seen.hadStun
      ? line(seen.isMapped, seen.isMapped ? check.udp : check.noUdp, check.openUdp)
      : line(false, check.noStun, check.withStun),
    ...(seen.hadTurn
      ? [
          line(
            seen.isTurned,
            seen.isTurned ? check.turn : check.noTurn,
            seen.isRefused ? check.password : check.turnServer,
          ),
        ]
      : []),
    line(seen.relays, seen.relays ? check.relay : check.noRelay, check.withRelay),
    ...(people.length === 0
      ? [line(false, check.nobody, check.openTwo)]
      : [
          line(apart.length === 0, apart.length === 0 ? check.allReached : check.apart(apart), check.isolated),
          ...(relayed.length > 0 ? [line(true, check.relayed(relayed), '')] : []),
        ]),
  ];
}
