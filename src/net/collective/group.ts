/**
 * Collectives of one mesh axis on host Float32Arrays, without the GPU. Both forms sum chunk c in ring order (ranks c,
 * c+1, ..., c+N-1, left-associated), so the choice of form never changes a bit and all replicas are bit-equal.
 */
import { PlanError } from '../../errors';
import { ASSUMED_LINKS, isDirect } from '../../plan/links';
import type { Mesh } from '../../plan/mesh';
import type { Axis } from '../../plan/plan';
import type { Trace } from '../../trace/trace';
import type { Tag, Transport } from '../wire/transport';
import type { Coding } from './coded';
import { addInto, around, type Circle, chunkBounds, maxInto, ownedChunk } from './collective';
import { directBroadcast, directGather, directReduce, directScatter } from './direct';
import { ringBroadcast, ringGather, ringReduce } from './ring';

export { chunkBounds, ownedChunk };

export interface Group {
  readonly axis: Axis;
  /** Position of this rank in the group. */
  readonly rank: number;
  readonly size: number;
  /** Sum over the group, in place. With a coding, all ranks get the same bits of an approximate sum. */
  allReduce(x: Float32Array, tag: Tag, coding?: Coding): Promise<void>;
  /** Sums the chunk that this rank owns and returns it as a view of `x`. The rest of `x` is garbage. */
  reduceScatter(x: Float32Array, tag: Tag, coding?: Coding): Promise<Float32Array>;
  /**
   * Returns the contribution of every member to the chunk this rank owns, in ring order, not added: for sums over
   * several calls. Sends the bytes of a reduce-scatter. A ring without a coding adds on the way and returns one sum.
   */
  scatter(x: Float32Array, tag: Tag, coding?: Coding): Promise<readonly Float32Array[]>;
  /** Fills the other chunks of `x`. The owned chunk must already be in place. */
  allGather(x: Float32Array, tag: Tag): Promise<void>;
  broadcast(x: Float32Array, root: number, tag: Tag): Promise<void>;
  /** Elementwise maximum over the group, in place (vocab-parallel cross entropy). */
  allReduceMax(x: Float32Array, tag: Tag): Promise<void>;
  /** Every member's bytes, in rank order (votes, hashes, sizes). */
  exchange(mine: Uint8Array, tag: Tag): Promise<readonly Uint8Array[]>;
}

/** The link properties that the run declares. They are the same on every rank, so all ranks choose the same form. */
export interface LinkSetting {
  /** `ring`: only neighbours are linked. `direct`: always two hops. `auto`: chosen by size. */
  readonly form: 'auto' | 'ring' | 'direct';
  /** One-way latency of a small message. */
  readonly latencyMs: number;
  /** Throughput of one link. */
  readonly bytesPerMs: number;
}

export const DEFAULT_LINKS: LinkSetting = { form: 'auto', ...ASSUMED_LINKS };

/**
 * Chooses ring or direct for `sizeBytes` over `size` ranks. It depends only on values that all ranks share. With local
 * measurements, two ranks could choose differently and wait for each other forever.
 */
export function chooseForm(sizeBytes: number, size: number, links: LinkSetting): 'ring' | 'direct' {
  if (links.form !== 'auto') return links.form;
  return isDirect(sizeBytes, size, links) ? 'direct' : 'ring';
}

/** Loaded when the plan codes sums: every tab loads this file before its first step. */
const coded = () => import('./coded');

/**
 * Makes the group of `ranks` along `axis`; `ranks` must contain the rank of `mesh`, else throws PlanError. `signal` is
 * that of the generation: its reason rejects running collectives. After a failed collective, its array holds garbage.
 * `perMachine`: of the plan; allReduce without a coding is then hierarchical.
 */
export function makeGroup(
  transport: Transport,
  mesh: Mesh,
  axis: Axis,
  ranks: readonly number[],
  signal: AbortSignal,
  options: { readonly trace?: Trace; readonly links?: LinkSetting; readonly perMachine?: number } = {},
): Group {
  const peers = ranks.map((rank) => mesh.peers[rank]!);
  const rank = ranks.indexOf(mesh.rank);
  if (rank < 0) throw new PlanError(`rank ${mesh.rank} is not in its own ${axis} group [${ranks.join(', ')}]`);
  const size = ranks.length;
  const circle: Circle = { transport, peers, rank, size, signal, trace: options.trace };
  const links = options.links ?? DEFAULT_LINKS;
  const form = (x: Float32Array) => chooseForm(x.byteLength, size, links);
  const isRing = (sizeBytes: number, ranks: number) => chooseForm(sizeBytes, ranks, links) === 'ring';
  const reduceAll = async (x: Float32Array, tag: Tag, combine: typeof addInto) => {
    if (size > 1) await (form(x) === 'ring' ? ringReduce : directReduce)(circle, x, tag, combine, true);
  };
  return {
    axis,
    rank,
    size,
    async allReduce(x, tag, coding) {
      const { perMachine } = options;
      if (coding && size > 1) await (await coded()).codedAllReduce(circle, x, tag, coding);
      else if (perMachine)
        await (await import('./hierarchical')).hierarchicalReduce(circle, perMachine, x, tag, isRing);
      else await reduceAll(x, tag, addInto);
    },
    allReduceMax: (x, tag) => reduceAll(x, tag, maxInto),
    async reduceScatter(x, tag, coding) {
      if (coding && size > 1) await (await coded()).codedReduce(circle, x, tag, coding);
      else if (size > 1) await (form(x) === 'ring' ? ringReduce : directReduce)(circle, x, tag, addInto, false);
      return x.subarray(...chunkBounds(x.length, size, ownedChunk(rank, size)));
    },
    async scatter(x, tag, coding) {
      if (coding && size > 1) return (await coded()).codedScatter(circle, x, tag, coding);
      if (size > 1 && links.form !== 'ring') return directScatter(circle, x, tag);
      if (size > 1) await ringReduce(circle, x, tag, addInto, false);
      return [x.subarray(...chunkBounds(x.length, size, ownedChunk(rank, size)))];
    },
    async allGather(x, tag) {
      if (size > 1) await (form(x) === 'ring' ? ringGather : directGather)(circle, x, tag);
    },
    async broadcast(x, root, tag) {
      if (size > 1) await (form(x) === 'ring' ? ringBroadcast : directBroadcast)(circle, x, root, tag);
    },
    exchange: (mine, tag) => (links.form === 'ring' ? ringExchange : directExchange)(circle, mine, tag),
  };
}

async function directExchange(circle: Circle, mine: Uint8Array, tag: Tag): Promise<readonly Uint8Array[]> {
  const { rank, size, peers, transport, signal } = circle;
  const all = Array.from({ length: size }, async (_, from) =>
    from === rank ? mine : transport.recv(peers[from]!, `${tag}/x${from}`, signal),
  );
  const sends = peers.filter((_, to) => to !== rank).map((peer) => transport.send(peer, `${tag}/x${rank}`, mine));
  const [received] = await Promise.all([Promise.all(all), Promise.all(sends)]);
  return received;
}

async function ringExchange(circle: Circle, mine: Uint8Array, tag: Tag): Promise<readonly Uint8Array[]> {
  const { rank, size, peers, transport, signal } = circle;
  const all: Uint8Array[] = Array.from({ length: size }, () => mine);
  const left = peers[around(rank - 1, size)]!;
  const right = peers[around(rank + 1, size)]!;
  for (let k = 0; k < size - 1; k++) {
    const out = around(rank - k, size);
    const from = around(rank - k - 1, size);
    const sent = transport.send(right, `${tag}/x${out}`, all[out]!);
    const [received] = await Promise.all([transport.recv(left, `${tag}/x${from}`, signal), sent]);
    all[from] = received;
  }
  return all;
}
