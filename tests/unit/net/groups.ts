/** Groups over memory transports, inputs whose sum depends on the order of additions, and the expected sums. */
import { expect } from 'vitest';
import { chunkBounds, DEFAULT_LINKS, type Group, makeGroup } from '../../../src/net/collective/group';
import type { Mesh } from '../../../src/plan/mesh';
import type { Trace } from '../../../src/trace/trace';
import { type MemoryOptions, memoryTransports } from '../../helpers/memory';

export const SIZES = [1, 2, 3, 4, 5, 6, 7, 8];

function meshOf(peers: readonly string[], rank: number): Mesh {
  const all = peers.map((_, i) => i);
  return {
    generation: 1,
    peers,
    rank,
    coord: { dp: rank, pp: 0, tp: 0 },
    ranks: () => all,
    stageRank: () => rank,
    replicaOf: (other) => other,
  };
}

export function cluster(
  size: number,
  form: 'auto' | 'ring' | 'direct',
  options: MemoryOptions = {},
  traces?: Trace[],
  perMachine?: number,
) {
  const transports = memoryTransports(size, options);
  const abort = new AbortController();
  const peers = transports.map((t) => t.self);
  const links = { ...DEFAULT_LINKS, form };
  const groups = transports.map((transport, rank) =>
    makeGroup(
      transport,
      meshOf(peers, rank),
      'dp',
      peers.map((_, i) => i),
      abort.signal,
      {
        links,
        ...(traces ? { trace: traces[rank]! } : {}),
        ...(perMachine ? { perMachine } : {}),
      },
    ),
  );
  return { transports, groups, abort };
}

/** Values whose sum depends on the order of additions. */
export function inputs(size: number, length: number, seed = 1): Float32Array[] {
  let state = seed;
  const next = () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return (state / 2 ** 32 - 0.5) * 10 ** ((state >>> 8) % 7);
  };
  return Array.from({ length: size }, () => Float32Array.from({ length }, next));
}

/** Chunk c summed as x[c] + x[c+1] + ..., left-associated, every partial sum rounded to float32. */
export function expectedSum(xs: readonly Float32Array[]): Float32Array {
  const size = xs.length;
  const out = new Float32Array(xs[0]!.length);
  for (let c = 0; c < size; c++) {
    const [start, end] = chunkBounds(out.length, size, c);
    for (let i = start; i < end; i++) {
      let total = xs[c]![i]!;
      for (let k = 1; k < size; k++) total = Math.fround(total + xs[(c + k) % size]![i]!);
      out[i] = total;
    }
  }
  return out;
}

export const bits = (x: Float32Array) => Buffer.from(x.buffer, x.byteOffset, x.byteLength);

/** Every replica has exactly the expected bits (toEqual takes a second for such arrays). */
export function expectBits(replicas: readonly Float32Array[], expected: Float32Array): void {
  replicas.forEach((x, rank) => {
    expect(bits(x).equals(bits(expected)), `rank ${rank}`).toBe(true);
  });
}

export const each = <T>(groups: readonly Group[], run: (group: Group, rank: number) => Promise<T>) =>
  Promise.all(groups.map(run));
