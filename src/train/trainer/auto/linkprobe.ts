/**
 * Measures the links of a generation before it trains: every rank sends at once to its right neighbour, as in a ring,
 * then to all others, as in the two-hop form. Far, near and relayed links are measured apart, one kind after the other. The
 * results go into the trace, where the planner (plan/probed.ts) and pages read them. Also measures how fast a rank codes
 * what it sends (codeprobe.ts), but no device.
 */
import type { Group } from '../../../net/collective/group';
import type { PeerId } from '../../../plan/mesh';
import { NEAR, RELAYED } from '../../../plan/probed';
import type { Trace } from '../../../trace/trace';
import type { Circuit } from '../../state/transfer';
import { probeCode } from './codeprobe';

const PINGS = 8;
const FIRST_BYTES = 1 << 17;
const MAX_BYTES = 1 << 22;
const KINDS = ['far', 'near', 'relayed'] as const;
type Kind = (typeof KINDS)[number];
const PREFIX: Readonly<Record<Kind, string>> = { far: '', near: NEAR, relayed: RELAYED };

/** A burst that takes this long on the slowest link is the last one; longer bursts would say no more. */
const ENOUGH_MS = 250;

/**
 * Measures the one-way latency and the rate of this rank's link to its right neighbour, and the rate of all its links
 * together. Where the room has links of several kinds, first so with the far ones, then with the near, then with the relayed
 * ones: a rank's right neighbour is then the next rank that it has such a link to. The relayed ones all send at once, so
 * their rates are shares of the server's. All ranks must call it.
 */
export async function probeLinks(circuit: Circuit, world: Group, trace: Trace): Promise<void> {
  const { mesh } = circuit;
  if (mesh.peers.length === 1) return;
  probeCode(trace);
  const kindOf = await linkKinds(circuit, world);
  const kinds = new Set(kindOf.flatMap((row, rank) => row.filter((_, other) => other !== rank)));
  for (const kind of KINDS.filter((one) => kinds.has(one))) {
    // why: near links that are all there are, are the links of this room
    const prefix = kind === 'near' && kinds.size === 1 ? '' : PREFIX[kind];
    await probeKind(circuit, world, trace, prefix, (from, to) => from !== to && kindOf[from]![to] === kind);
  }
  for (const [rank, peer] of mesh.peers.entries()) {
    const isRelayed = rank !== mesh.rank && kindOf[mesh.rank]![rank] === 'relayed';
    if (isRelayed) trace.instant('net', `${RELAYED}rank`, { value: rank, peer });
  }
}

/** By rank and rank: the kind of the link between them, as the first of the two has it. */
async function linkKinds({ mesh, transport }: Circuit, world: Group): Promise<readonly (readonly Kind[])[]> {
  const kinds = new Map(
    transport.stats().map(({ peer, kind }): [PeerId, Kind] => {
      return [peer, kind === 'near' || kind === 'relayed' ? kind : 'far'];
    }),
  );
  const mine = Uint8Array.from(mesh.peers, (peer) => KINDS.indexOf(kinds.get(peer) ?? 'far'));
  const all = await world.exchange(mine, `${mesh.generation}/0/probe/kinds`);
  return all.map((row) => mesh.peers.map((_, rank) => KINDS[row[rank]!] ?? 'far'));
}

/** Measures the links for which `reaches` is true. A rank without such a link only answers. */
async function probeKind(
  circuit: Circuit,
  world: Group,
  trace: Trace,
  prefix: string,
  reaches: (from: number, to: number) => boolean,
): Promise<void> {
  const { mesh } = circuit;
  const size = mesh.peers.length;
  const rightOf = (rank: number) => {
    const others = Array.from({ length: size - 1 }, (_, hops) => (rank + 1 + hops) % size);
    return others.find((other) => reaches(rank, other));
  };
  const peersWhere = (isOne: (rank: number) => boolean) => mesh.peers.filter((_, rank) => isOne(rank));
  const right = peersWhere((rank) => rank === rightOf(mesh.rank));
  const left = peersWhere((rank) => rightOf(rank) === mesh.rank);
  const others = peersWhere((rank) => reaches(mesh.rank, rank));
  let roundTripMs = Number.POSITIVE_INFINITY;
  for (let i = 0; i < PINGS; i++) {
    roundTripMs = Math.min(roundTripMs, await there(circuit, `${prefix}ping${i}`, right, left, new Uint8Array(4)));
  }
  /** Bytes per millisecond that this rank sends to all of `to` together. */
  const rate = async (name: string, to: readonly PeerId[], from: readonly PeerId[]): Promise<number> => {
    let best = 0;
    for (let bytes = FIRST_BYTES, slowestMs = 0; bytes <= MAX_BYTES && slowestMs < ENOUGH_MS; bytes *= 2) {
      const ms = await there(circuit, `${prefix}${name}${bytes}`, to, from, new Uint8Array(bytes));
      // why the best: a burst that waited for a processor says nothing about the link
      best = Math.max(best, (to.length * bytes) / Math.max(0.1, ms - roundTripMs));
      const tag = `${mesh.generation}/0/probe/${prefix}${name}${bytes}/all`;
      const all = await world.exchange(new Uint8Array(Float64Array.of(ms).buffer), tag);
      // why the times of all ranks: all must end after the same burst
      slowestMs = Math.max(...all.map((other) => new DataView(other.buffer, other.byteOffset, 8).getFloat64(0, true)));
    }
    return best;
  };
  const [ringRate, fanRate] = [await rate('ring', right, left), await rate('fan', others, others)];
  if (right.length === 0) return;
  trace.instant('net', `${prefix}latencyMs`, { value: roundTripMs / 2, peer: right[0]! });
  trace.instant('net', `${prefix}bytesPerMs`, { value: ringRate, peer: right[0]! });
  trace.instant('net', `${prefix}deviceBytesPerMs`, { value: fanRate });
}

/** Send `bytes` to each of `to`. Returns the time in ms until all of them have acknowledged. */
async function there(
  { transport, mesh, signal }: Circuit,
  name: string,
  to: readonly PeerId[],
  from: readonly PeerId[],
  bytes: Uint8Array,
): Promise<number> {
  const tag = `${mesh.generation}/0/probe/${name}`;
  const t0 = performance.now();
  const answers = from.map(async (peer) => {
    await transport.recv(peer, tag, signal);
    await transport.send(peer, `${tag}/ack`, new Uint8Array(1));
  });
  const sends = to.map((peer) => transport.send(peer, tag, bytes));
  const acknowledged = Promise.all(to.map((peer) => transport.recv(peer, `${tag}/ack`, signal)));
  const [ms] = await Promise.all([acknowledged.then(() => performance.now() - t0), ...sends, ...answers]);
  return ms;
}
