/** Collectives: the ring's order of additions held bit by bit in both forms, ragged sizes, bytes, tags, death, abort. */
import { describe, expect, test } from 'vitest';
import { PeerLost } from '../../../src/errors';
import { chunkBounds, ownedChunk } from '../../../src/net/collective/group';
import { cluster, each, expectBits, expectedSum, inputs, SIZES } from './groups';

const FORMS = ['ring', 'direct'] as const;

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
