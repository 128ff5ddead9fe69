/**
 * Measures the links of a generation before it trains: every rank at once to its right neighbour, as a ring does it. What
 * is found goes into the trace, where the planner (plan/measured.ts) and pages read it. Measures no device.
 */
import type { Group } from '../net/group';
import type { Trace } from '../trace/trace';
import type { Circuit } from './sync';

const PINGS = 8;
const FIRST_BYTES = 1 << 17;
const MAX_BYTES = 1 << 22;
/** A burst of this length on the slowest link says enough. */
const ENOUGH_MS = 250;

/** Latency, one way, and rate of this rank's link to its right neighbour. All ranks call it alike. */
export async function probeLinks({ transport, mesh, signal }: Circuit, world: Group, trace: Trace): Promise<void> {
  const size = mesh.peers.length;
  if (size === 1) return;
  const right = mesh.peers[(mesh.rank + 1) % size]!;
  const left = mesh.peers[(mesh.rank + size - 1) % size]!;
  const head = `${mesh.generation}/0/probe`;
  /** Send `bytes` to the right; the time until the neighbour has said that they are there. */
  const there = async (name: string, bytes: Uint8Array): Promise<number> => {
    const t0 = performance.now();
    const answer = async () => {
      await transport.recv(left, `${head}/${name}`, signal);
      await transport.send(left, `${head}/${name}/ack`, new Uint8Array(1));
    };
    const answered = answer();
    const [sent] = await Promise.all([
      transport.recv(right, `${head}/${name}/ack`, signal).then(() => performance.now() - t0),
      transport.send(right, `${head}/${name}`, bytes),
      answered,
    ]);
    return sent;
  };
  let roundTripMs = Number.POSITIVE_INFINITY;
  for (let i = 0; i < PINGS; i++) roundTripMs = Math.min(roundTripMs, await there(`ping${i}`, new Uint8Array(4)));
  let bytesPerMs = 0;
  for (let bytes = FIRST_BYTES, slowestMs = 0; bytes <= MAX_BYTES && slowestMs < ENOUGH_MS; bytes *= 2) {
    const ms = await there(`burst${bytes}`, new Uint8Array(bytes));
    // why the best: a burst that waited for a processor says nothing of the link
    bytesPerMs = Math.max(bytesPerMs, bytes / Math.max(0.1, ms - roundTripMs));
    const all = await world.exchange(new Uint8Array(Float64Array.of(ms).buffer), `${head}/burst${bytes}/all`);
    // why everybody's: all ranks must end after the same burst
    slowestMs = Math.max(...all.map((other) => new DataView(other.buffer, other.byteOffset, 8).getFloat64(0, true)));
  }
  trace.instant('net', 'latencyMs', { value: roundTripMs / 2, peer: right });
  trace.instant('net', 'bytesPerMs', { value: bytesPerMs, peer: right });
}
