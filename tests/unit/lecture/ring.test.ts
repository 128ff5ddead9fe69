/**
 * The ring drawn is the ring that ran: hops and holdings from the events of real collectives over 2 to 8 ranks against the
 * rules of the ring (reduce-scatter: rank r sends chunk r - k; all-gather: chunk r + 1 - k), and the simulator's hops alike.
 */
import { describe, expect, test } from 'vitest';
import { type Group, makeGroup } from '../../../src/net/collective/group';
import { ringHops } from '../../../src/pages/lecture/models/traffic/hops';
import { type RingRun, ringRuns } from '../../../src/pages/lecture/models/traffic/ring';
import { Trace, type TraceEvent } from '../../../src/trace/trace';
import { memoryTransports } from '../../helpers/memory';
import { holdingsAfter } from './holdings';

const SIZES = [2, 3, 4, 5, 6, 7, 8];
/** How many places contributed to a chunk. */
const contributions = (bits: number): number => bits.toString(2).replaceAll('0', '').length;
const mod = (value: number, size: number) => ((value % size) + size) % size;

/** Events of one collective that really ran, over the in-memory transport. */
async function measured(size: number, length: number, run: (group: Group, x: Float32Array) => unknown) {
  const transports = memoryTransports(size, { latencyMs: 1 });
  const peers = transports.map(({ self }) => self);
  const events: TraceEvent[] = [];
  await Promise.all(
    transports.map((transport, rank) => {
      const trace = new Trace();
      trace.rank = rank;
      trace.subscribe((event) => events.push(event));
      const all = peers.map((_, i) => i);
      const coord = { dp: rank, pp: 0, tp: 0 };
      const mesh = {
        generation: 1,
        peers,
        rank,
        coord,
        ranks: () => all,
        stageRank: () => rank,
        replicaOf: (other: number) => other,
      };
      const links = { form: 'ring', latencyMs: 1, bytesPerMs: 1e4 } as const;
      const group = makeGroup(transport, mesh, 'dp', all, new AbortController().signal, { trace, links });
      return run(group, new Float32Array(length).fill(rank + 1));
    }),
  );
  return { events, peers };
}

const oneRun = ({ events, peers }: { events: readonly TraceEvent[]; peers: readonly string[] }): RingRun => {
  const runs = ringRuns(events, (peer) => peers.indexOf(peer));
  expect(runs.length).toBe(1);
  return runs[0]!;
};

describe.each(SIZES)('a ring of %i', (size) => {
  const length = 4 * size + 3;

  test('all-reduce: who sends what at which step, and what everybody then holds', async () => {
    const run = oneRun(await measured(size, length, (group, x) => group.allReduce(x, '1/0/REDUCE block0')));
    expect(run).toMatchObject({
      line: 'REDUCE block0',
      kind: 'reduce',
      rounds: 2 * (size - 1),
      arrayBytes: 4 * length,
    });
    expect(run.hops.length).toBe(size * 2 * (size - 1));
    for (const { k, from, to, chunk } of run.hops) {
      const expected = k < size - 1 ? from - k : from + 1 - (k - (size - 1));
      expect([chunk, to]).toEqual([mod(expected, size), mod(from + 1, size)]);
    }
    for (let rounds = 0; rounds <= run.rounds; rounds++) {
      const held = holdingsAfter(run, rounds);
      for (let rank = 0; rank < size; rank++) {
        for (let chunk = 0; chunk < size; chunk++)
          expect(held[rank]![chunk]).toBe(heldByRule(rank, chunk, rounds, size));
      }
    }
    const sent = run.sentBytes.reduce((sum, bytes) => sum + bytes, 0);
    expect(sent).toBe(2 * (size - 1) * 4 * length);
  });

  test('reduce-scatter and all-gather alone', async () => {
    const scatter = oneRun(await measured(size, length, (group, x) => group.reduceScatter(x, '1/0/REDUCE block0')));
    expect(scatter.rounds).toBe(size - 1);
    const scattered = holdingsAfter(scatter, scatter.rounds);
    for (let rank = 0; rank < size; rank++) expect(contributions(scattered[rank]![mod(rank + 1, size)]!)).toBe(size);
    const gather = oneRun(await measured(size, length, (group, x) => group.allGather(x, '1/0/GATHER block0')));
    for (const { k, from, chunk } of gather.hops) expect(chunk).toBe(mod(from + 1 - k, size));
    const gathered = holdingsAfter(gather, gather.rounds);
    expect(gathered.flat().every((bits) => contributions(bits) === size)).toBe(true);
  });

  test('the simulated hops are those of the ring that ran', async () => {
    const real = await measured(size, length, (group, x) => group.allReduce(x, '1/0/REDUCE block0'));
    const ring = { line: 'REDUCE block0', kind: 'allReduce', step: 0, arrayBytes: 4 * length, t0: 0, t1: 10 } as const;
    const peers = real.peers.map((_, rank) => `rank${rank}`);
    const simulated = oneRun({ events: ringHops({ ...ring, members: peers.map((_, rank) => rank) }, peers), peers });
    const shape = ({ hops }: RingRun) => hops.map(({ k, from, to, chunk, bytes }) => [k, from, to, chunk, bytes]);
    expect(shape(simulated)).toEqual(shape(oneRun(real)));
  });
});

/** Chunk c is passed on from rank c: at rank c + j it has j + 1 contributions, once round j is over; then it goes round complete. */
function heldByRule(rank: number, chunk: number, rounds: number, size: number): number {
  const all = 2 ** size - 1;
  const distance = mod(rank - chunk, size);
  const own = 1 << rank;
  const reducedAt = distance === 0 ? 0 : distance;
  const completeAt = distance === size - 1 ? size - 1 : size - 1 + distance + 1;
  if (rounds >= completeAt) return all;
  if (rounds < reducedAt || distance === 0) return own;
  let bits = 0;
  for (let j = 0; j <= distance; j++) bits |= 1 << mod(chunk + j, size);
  return bits;
}
