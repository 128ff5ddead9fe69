/**
 * Measures the links of a generation before it trains: every rank at once to its right neighbour, as a ring does it, then
 * to all others, as the two-hop form does. What is found goes into the trace, where the planner (plan/measured.ts) and
 * pages read it. Measures no device.
 */
import type { Group } from '../../net/collective/group';
import type { PeerId } from '../../plan/mesh';
import type { Trace } from '../../trace/trace';
import type { Circuit } from '../state/transfer';

const PINGS = 8;
const FIRST_BYTES = 1 << 17;
const MAX_BYTES = 1 << 22;
/** A burst of this length on the slowest link says enough. */
const ENOUGH_MS = 250;

/**
 * Latency, one way, and rate of this rank's link to its right neighbour, and rate of all its links together. All ranks
 * call it alike.
 */
export async function probeLinks(circuit: Circuit, world: Group, trace: Trace): Promise<void> {
  const { mesh } = circuit;
  const size = mesh.peers.length;
  if (size === 1) return;
  const right = mesh.peers[(mesh.rank + 1) % size]!;
  const left = mesh.peers[(mesh.rank + size - 1) % size]!;
  const others = mesh.peers.filter((_, rank) => rank !== mesh.rank);
  let roundTripMs = Number.POSITIVE_INFINITY;
  for (let i = 0; i < PINGS; i++) {
    roundTripMs = Math.min(roundTripMs, await there(circuit, `ping${i}`, [right], [left], new Uint8Array(4)));
  }
  /** Bytes per millisecond this rank gets rid of while it sends to each of `to`. */
  const rate = async (name: string, to: readonly PeerId[], from: readonly PeerId[]): Promise<number> => {
    let best = 0;
    for (let bytes = FIRST_BYTES, slowestMs = 0; bytes <= MAX_BYTES && slowestMs < ENOUGH_MS; bytes *= 2) {
      const ms = await there(circuit, `${name}${bytes}`, to, from, new Uint8Array(bytes));
      // why the best: a burst that waited for a processor says nothing of the link
      best = Math.max(best, (to.length * bytes) / Math.max(0.1, ms - roundTripMs));
      const tag = `${mesh.generation}/0/probe/${name}${bytes}/all`;
      const all = await world.exchange(new Uint8Array(Float64Array.of(ms).buffer), tag);
      // why everybody's: all ranks must end after the same burst
      slowestMs = Math.max(...all.map((other) => new DataView(other.buffer, other.byteOffset, 8).getFloat64(0, true)));
    }
    return best;
  };
  trace.instant('net', 'latencyMs', { value: roundTripMs / 2, peer: right });
  trace.instant('net', 'bytesPerMs', { value: await rate('ring', [right], [left]), peer: right });
  trace.instant('net', 'deviceBytesPerMs', { value: await rate('fan', others, others) });
}

/** Send `bytes` to each of `to`; the time until all of them have said that they are there. */
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
