/** Collectives: the ring's order of additions held bit by bit in both forms, ragged sizes, bytes, tags, death, abort. */
import { describe, expect, test } from 'vitest';
import { PeerLost } from '../../../src/errors';
import {
  chooseForm,
  chunkBounds,
  DEFAULT_LINKS,
  type Group,
  makeGroup,
  ownedChunk,
} from '../../../src/net/collective/group';
import type { Mesh } from '../../../src/plan/mesh';
import { Trace, type TraceEvent } from '../../../src/trace/trace';
import { type MemoryOptions, memoryTransports } from '../../helpers/memory';

const SIZES = [1, 2, 3, 4, 5, 6, 7, 8];
const FORMS = ['ring', 'direct'] as const;

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

function cluster(size: number, form: 'auto' | 'ring' | 'direct', options: MemoryOptions = {}, traces?: Trace[]) {
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
      },
    ),
  );
  return { transports, groups, abort };
}

/** Values whose sum depends on the order of additions. */
function inputs(size: number, length: number, seed = 1): Float32Array[] {
  let state = seed;
  const next = () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return (state / 2 ** 32 - 0.5) * 10 ** ((state >>> 8) % 7);
  };
  return Array.from({ length: size }, () => Float32Array.from({ length }, next));
}

/** Chunk c summed as x[c] + x[c+1] + ..., left-associated, every partial sum rounded to float32. */
function expectedSum(xs: readonly Float32Array[]): Float32Array {
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

const bits = (x: Float32Array) => Buffer.from(x.buffer, x.byteOffset, x.byteLength);

/** Every replica has exactly the expected bits (toEqual takes a second for such arrays). */
function expectBits(replicas: readonly Float32Array[], expected: Float32Array): void {
  replicas.forEach((x, rank) => {
    expect(bits(x).equals(bits(expected)), `rank ${rank}`).toBe(true);
  });
}

const each = <T>(groups: readonly Group[], run: (group: Group, rank: number) => Promise<T>) =>
  Promise.all(groups.map(run));

describe('chunks', () => {
  test('bounds are floor(c * n / N) and cover everything once', () => {
    expect([0, 1, 2, 3].map((c) => chunkBounds(19, 4, c))).toEqual([
      [0, 4],
      [4, 9],
      [9, 14],
      [14, 19],
    ]);
    expect(chunkBounds(2, 4, 0)).toEqual([0, 0]);
  });

  test('rank r owns chunk r + 1', () => expect([0, 1, 2, 3].map((r) => ownedChunk(r, 4))).toEqual([1, 2, 3, 0]));
});

describe.each(FORMS)('%s form', (form) => {
  // 0: nothing; 3: fewer than ranks; 19: ragged; 200_003: several pieces per chunk, ragged
  test.each([0, 1, 3, 19, 64, 200_003])(
    'allReduce of %i floats is the ring-order sum, bit for bit, for 1..8 ranks',
    async (n) => {
      for (const size of n > 1000 ? [2, 3, 8] : SIZES) {
        const xs = inputs(size, n, size);
        const expected = expectedSum(xs);
        const { groups } = cluster(size, form, { seed: size });
        await each(groups, (group, r) => group.allReduce(xs[r]!, '1/0/sum'));
        expectBits(xs, expected);
      }
    },
  );

  test('random latencies change no bit', async () => {
    for (let seed = 1; seed <= 4; seed++) {
      const xs = inputs(5, 1001);
      const expected = expectedSum(xs);
      const { groups } = cluster(5, form, { jitterMs: 4, seed });
      await each(groups, (group, r) => group.allReduce(xs[r]!, '1/0/sum'));
      expectBits(xs, expected);
    }
  });

  test('reduceScatter completes the owned chunk, allGather fills the rest', async () => {
    for (const size of SIZES) {
      for (const n of [0, 3, 19]) {
        const xs = inputs(size, n, 7);
        const expected = expectedSum(xs);
        const { groups } = cluster(size, form);
        const owned = await each(groups, (group, r) => group.reduceScatter(xs[r]!, '1/0/rs'));
        owned.forEach((view, r) => {
          const [start, end] = chunkBounds(n, size, ownedChunk(r, size));
          expect(view).toEqual(expected.subarray(start, end));
          expect(view.buffer).toBe(xs[r]!.buffer);
        });
        const gathered = xs.map((x, r) => {
          const [start, end] = chunkBounds(n, size, ownedChunk(r, size));
          const only = new Float32Array(n).fill(Number.NaN);
          only.set(x.subarray(start, end), start);
          return only;
        });
        await each(groups, (group, r) => group.allGather(gathered[r]!, '1/0/ag'));
        expectBits(gathered, expected);
      }
    }
  });

  test('allReduceMax, broadcast and exchange', async () => {
    for (const size of SIZES) {
      const { groups } = cluster(size, form, { jitterMs: 1 });
      const xs = inputs(size, 37);
      const top = Float32Array.from(xs[0]!, (_, i) => Math.max(...xs.map((x) => x[i]!)));
      await each(groups, (group, r) => group.allReduceMax(xs[r]!, '1/0/max'));
      expectBits(xs, top);

      for (const root of [0, size - 1]) {
        const ys = inputs(size, 40_001);
        const given = ys[root]!.slice();
        await each(groups, (group, r) => group.broadcast(ys[r]!, root, `1/${root}/bc`));
        expectBits(ys, given);
      }

      const votes = await each(groups, (group, r) =>
        group.exchange(
          Uint8Array.from({ length: r }, () => r),
          '1/0/vote',
        ),
      );
      for (const all of votes) expect(all.map((bytes) => [...bytes])).toEqual(groups.map((_, r) => Array(r).fill(r)));
    }
  });

  test('concurrent collectives with different tags do not mix', async () => {
    const { groups } = cluster(4, form, { jitterMs: 3 });
    const many = Array.from({ length: 5 }, (_, i) => inputs(4, 100 + i, i + 1));
    const expected = many.map(expectedSum);
    await each(groups, (group, r) => Promise.all(many.map((xs, i) => group.allReduce(xs[r]!, `1/0/REDUCE unit${i}`))));
    many.forEach((xs, i) => {
      expectBits(xs, expected[i]!);
    });
  });

  test('a killed peer rejects the others with PeerLost', async () => {
    const { groups, transports } = cluster(4, form, { latencyMs: 2 });
    const results = groups.slice(0, 3).map((group) => group.allReduce(new Float32Array(1000), '1/0/sum'));
    transports[3]!.kill();
    // rank 0 waits for rank 3 in both forms; the others learn it from the room or from their own links
    await expect(results[0]).rejects.toBeInstanceOf(PeerLost);
    for (const t of transports) t.close();
    await Promise.allSettled(results);
  });

  test("the generation's signal rejects with its reason", async () => {
    const { groups, abort } = cluster(3, form);
    const reason = new PeerLost('p9', 'said so');
    const running = groups.slice(0, 2).map((group) => group.allReduce(new Float32Array(30), '1/0/sum'));
    abort.abort(reason);
    await Promise.all(running.map((result) => expect(result).rejects.toBe(reason)));
  });

  test('sends 2(N-1)/N of the bytes, exactly', async () => {
    for (const size of SIZES) {
      const length = 840; // divisible by 1..8
      const { groups, transports } = cluster(size, form);
      await each(groups, (group) => group.allReduce(new Float32Array(length), '1/0/sum'));
      for (const transport of transports) {
        const sent = transport.stats().reduce((total, link) => total + link.bytesSent, 0);
        expect(sent).toBe((2 * (size - 1) * length * 4) / size);
      }
    }
  });
});

test('ragged ring: 19 floats over 4 ranks send 28, 28, 29, 29 floats', async () => {
  const { groups, transports } = cluster(4, 'ring');
  await each(groups, (group) => group.allReduce(new Float32Array(19), '1/0/sum'));
  const floats = transports.map((t) => t.stats().reduce((total, link) => total + link.bytesSent, 0) / 4);
  expect(floats.sort()).toEqual([28, 28, 29, 29]);
});

test('a hop is of the step of its tag, wherever the rank is by then; of an evaluation nothing is told', async () => {
  const traces = [new Trace(), new Trace()];
  const events: TraceEvent[] = [];
  for (const trace of traces) {
    trace.step = 9;
    trace.subscribe((event) => events.push(event));
  }
  const { groups } = cluster(2, 'ring', {}, traces);
  const sum = (tag: string) => Promise.all(groups.map((group) => group.allReduce(new Float32Array(8), tag)));
  await sum('1/4/REDUCE block0');
  expect(new Set(events.map(({ step, line }) => `${step} ${line}`))).toEqual(new Set(['4 REDUCE block0']));
  const { length } = events;
  await sum('1/0/~eval3/F block0 m0/tp0');
  expect(events.length).toBe(length);
});

test('the ring talks to neighbours only, and every hop is on record', async () => {
  const traces = [0, 1, 2, 3].map(() => new Trace());
  const events: TraceEvent[][] = traces.map(() => []);
  traces.forEach((trace, r) => {
    trace.subscribe((event) => events[r]!.push(event));
  });
  const { groups, transports } = cluster(4, 'ring', {}, traces);
  await each(groups, (group) => group.allReduce(new Float32Array(40), '1/0/sum'));
  for (const [rank, transport] of transports.entries()) {
    const right = `p${(rank + 1) % 4}`;
    expect(
      transport
        .stats()
        .filter((link) => link.bytesSent > 0)
        .map((link) => link.peer),
    ).toEqual([right]);
    const sends = events[rank]!.filter((event) => event.name === 'ring.send');
    const receives = events[rank]!.filter((event) => event.name === 'ring.recv');
    // reduce-scatter sends chunks r, r-1, r-2; all-gather r+1, r, r-1
    expect(sends.map((event) => event.chunk)).toEqual([0, -1, -2, 1, 0, -1].map((d) => (rank + d + 4) % 4));
    expect(receives.map((event) => event.chunk)).toEqual([-1, -2, -3, 0, -1, -2].map((d) => (rank + d + 4) % 4));
    expect(sends.every((event) => event.bytes === 40 && event.peer === right)).toBe(true);
  }
});

test('the form is chosen from bytes, size and the declared setting alone', () => {
  expect(chooseForm(64 << 10, 4, DEFAULT_LINKS)).toBe('direct');
  expect(chooseForm(16 << 20, 4, DEFAULT_LINKS)).toBe('ring');
  expect(chooseForm(16 << 20, 4, { ...DEFAULT_LINKS, latencyMs: 500 })).toBe('direct');
  expect(chooseForm(64, 4, { ...DEFAULT_LINKS, form: 'ring' })).toBe('ring');
  expect(chooseForm(16 << 20, 4, { ...DEFAULT_LINKS, form: 'direct' })).toBe('direct');
});

test('scatter gives the owner of a chunk every contribution in ring order, for the bytes of a reduce-scatter', async () => {
  for (const size of SIZES) {
    for (const n of [0, 3, 840, 60_000]) {
      const xs = inputs(size, n, 5);
      const given = xs.map((x) => x.slice());
      const { groups, transports } = cluster(size, 'auto', { jitterMs: 1, seed: size });
      const scattered = await each(groups, (group, r) => group.scatter(xs[r]!, '1/0/scatter'));
      for (const [r, parts] of scattered.entries()) {
        const c = ownedChunk(r, size);
        const bounds = chunkBounds(n, size, c);
        expect(parts).toHaveLength(size);
        for (const [k, part] of parts.entries()) {
          expect(bits(part).equals(bits(given[(c + k) % size]!.slice(...bounds)))).toBe(true);
        }
      }
      const sent = transports.flatMap((t) => t.stats()).reduce((total, link) => total + link.bytesSent, 0);
      expect(sent).toBe((size - 1) * n * 4);
    }
  }
});

test('over a ring scatter is the one sum', async () => {
  const xs = inputs(4, 19);
  const expected = expectedSum(xs);
  const { groups } = cluster(4, 'ring');
  const scattered = await each(groups, (group, r) => group.scatter(xs[r]!, '1/0/scatter'));
  for (const [r, parts] of scattered.entries()) {
    expect(parts).toEqual([expected.subarray(...chunkBounds(19, 4, ownedChunk(r, 4)))]);
  }
});
