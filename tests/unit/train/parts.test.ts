/** Small parts of the trainer by themselves: hashes, drawing of tokens, held-out losses, announcements, reports. */
import { describe, expect, onTestFinished, test, vi } from 'vitest';
import { ProtocolError } from '../../../src/errors';
import { IGNORED_TARGET } from '../../../src/gpu/kernels';
import type { Group } from '../../../src/net/collective/group';
import { makeGroup } from '../../../src/net/collective/group';
import { type Mesh, makeMesh } from '../../../src/plan/mesh';
import { parsePlan } from '../../../src/plan/plan';
import { samplesOf } from '../../../src/train/data/data';
import { uniformAt } from '../../../src/train/data/random';
import { hashRunFile, sha256 } from '../../../src/train/hash';
import type { RankModel } from '../../../src/train/rank/rankcontract';
import { parseRunFile } from '../../../src/train/runfile';
import { announce, MAX_STATES, receiveBytes, sendBytes } from '../../../src/train/state/exchange';
import { heldOutLoss } from '../../../src/train/trainer/evaluate';
import { draw } from '../../../src/train/trainer/given/growingtext';
import { Reporter } from '../../../src/train/trainer/given/report';
import type { TabStatus } from '../../../src/train/trainer/given/status';
import { memoryTransports } from '../../helpers/memory';

const signal = new AbortController().signal;

/** Runs `body` on `dp` ranks with memory links. */
function ranks<T>(dp: number, body: (group: Group, rank: number, mesh: Mesh) => Promise<T>): Promise<T[]> {
  const transports = memoryTransports(dp);
  const peers = transports.map(({ self }) => self);
  return Promise.all(
    transports.map((transport, rank) => {
      const mesh = makeMesh(1, peers, rank, parsePlan({ dp }));
      return body(makeGroup(transport, mesh, 'dp', mesh.ranks('dp'), signal), rank, mesh);
    }),
  );
}

describe('hashes', () => {
  test('SHA-256 of "abc" (FIPS 180-4)', async () => {
    expect(await sha256(new TextEncoder().encode('abc'))).toBe(
      'ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad',
    );
  });

  test('a run file has one hash, however it was written and cut; every number of the run is in it', async () => {
    const hash = await hashRunFile(parseRunFile({ train: { steps: 5, lr: 0.5 } }));
    expect(await hashRunFile(parseRunFile({ train: { lr: 0.5, steps: 5 }, plan: { dp: 4 } }))).toBe(hash);
    expect(await hashRunFile(parseRunFile({ train: { lr: 0.5, steps: 6 } }))).not.toBe(hash);
    expect(await hashRunFile(parseRunFile({ train: { lr: 0.5, steps: 5 }, data: { source: 'names' } }))).not.toBe(hash);
  });
});

describe('drawing a token', () => {
  const logits = Float32Array.of(0, Math.log(3), -100, 50);

  test("follows softmax over the tokenizer's tokens only", () => {
    const counts = [0, 0, 0, 0];
    for (let i = 0; i < 4000; i++) counts[draw(logits, 3, 1, uniformAt(9, i))]!++;
    // 1000 : 3000 expected; five standard deviations of a binomial of 4000 are 137
    expect(Math.abs(counts[0]! - 1000)).toBeLessThan(137);
    expect(counts.slice(2)).toEqual([0, 0]);
  });

  test('a low temperature takes the best; the ends of the range are tokens', () => {
    for (const uniform of [0, 0.5, 1 - 2 ** -32]) {
      expect(draw(logits, 4, 0.01, uniform)).toBe(3);
      expect(draw(logits, 3, 1, uniform)).toBeLessThan(3);
    }
    expect(draw(Float32Array.of(-300, -300), 2, 1, 0.75)).toBe(1);
  });
});

describe('held-out loss', () => {
  const tokens = Uint16Array.from({ length: 700 }, (_, i) => (i * i) % 97);
  const samples = samplesOf(tokens, { order: 'shuffled', seed: 1, context: 4, globalBatch: 8, steps: 1 });
  const model = {
    losses: async ({ tokens: row, targets }: { tokens: Uint32Array; targets: Uint32Array }) =>
      Float32Array.from(targets, (target, i) =>
        target === IGNORED_TARGET ? 0 : Math.fround(1 / (1 + row[i]! + target)),
      ),
  } as unknown as RankModel;

  test('is the same number for every number of ranks, size of microbatch and share, to the last bit', async () => {
    expect(samples.heldOut.length).toBe(17);
    const numbers = new Set<number>();
    for (const [globalBatch, plan] of [
      [5, { dp: 1 }],
      [17, { dp: 1 }],
      [6, { dp: 3 }],
      [8, { dp: 8 }],
      [8, { dp: 3, shares: [1, 5, 2] }],
      [40, { dp: 2, shares: [1, 39] }],
    ] as const) {
      for (const loss of await ranks(plan.dp, (world, _, mesh) =>
        heldOutLoss(model, samples, globalBatch, { plan: parsePlan(plan), mesh, world }, '1/0/x'),
      ))
        numbers.add(loss);
    }
    expect(numbers.size).toBe(1);
    const [value] = numbers;
    expect(value).toBeGreaterThan(0);
  });
});

describe('announcements', () => {
  const good = {
    held: [{ step: 3, generation: 1, cutting: { plan: parsePlan({ dp: 2 }), rank: 1 } }],
    init: '',
    text: { sizeBytes: 4, hash: 'ab' },
  };

  test('arrive in rank order', async () => {
    const all = await ranks(2, (group, rank) => announce(group, { ...good, init: `${rank}` }, '1/0/announce'));
    expect(all[0]).toEqual([
      { ...good, init: '0' },
      { ...good, init: '1' },
    ]);
  });

  test.each([
    { held: [{ step: 1.5, generation: 1, cutting: { plan: {}, rank: 0 } }] },
    { held: [{ step: 1, cutting: { plan: {}, rank: 0 } }] },
    { held: [{ step: 1, generation: 1, cutting: null }] },
    { held: [{ step: 1, generation: 1, cutting: { plan: { dp: -1 }, rank: 0 } }] },
    { held: [{ step: 1, generation: 1, cutting: { plan: { dp: 65536, pp: 65536 }, rank: 0 } }] },
    { held: [{ step: 1, generation: 1, cutting: { plan: { dp: 2 }, rank: 2 } }] },
    {
      held: Array.from({ length: MAX_STATES + 1 }, (_, step) => ({
        step,
        generation: 1,
        cutting: { plan: {}, rank: 0 },
      })),
    },
    { text: { sizeBytes: -5, hash: 7 } },
    { init: 'not hex' },
    { machine: 'my laptop' },
  ])('%j is malformed', async (change) => {
    const bad = { ...good, ...change } as unknown as typeof good;
    const ends = ranks(2, (group, rank) => announce(group, rank === 0 ? good : bad, '1/0/announce'));
    await expect(ends).rejects.toBeInstanceOf(ProtocolError);
    await expect(ends).rejects.toThrow('rank 1 announced itself malformed');
  });

  test('long bytes arrive whole; pieces of another size are refused', async () => {
    const bytes = Uint8Array.from({ length: (1 << 20) + 77 }, (_, i) => i % 251);
    const [a, b] = memoryTransports(2) as [
      ReturnType<typeof memoryTransports>[0],
      ReturnType<typeof memoryTransports>[0],
    ];
    const sent = sendBytes(a, b.self, bytes, '1/0/t');
    const received = await receiveBytes(b, a.self, bytes.length, '1/0/t', signal);
    expect(Buffer.compare(received, bytes)).toBe(0);
    await sent;
    await sendBytes(a, b.self, bytes.subarray(0, 10), '1/0/u');
    await expect(receiveBytes(b, a.self, 11, '1/0/u', signal)).rejects.toThrow('a piece of 10 bytes where 11 are due');
  });
});

test('a report tells each step once, at most ten times a second, and at every change of phase', () => {
  vi.useFakeTimers({ toFake: ['performance'] });
  onTestFinished(() => void vi.useRealTimers());
  const seen: TabStatus[] = [];
  const [transport] = memoryTransports(1);
  const reporter = new Reporter(transport!, (status) => seen.push(status));
  reporter.enter('training');
  for (let step = 0; step < 1000; step++) {
    vi.advanceTimersByTime(40);
    reporter.committed({ step, loss: 1, gradNorm: 1, lr: 1, tokens: 80, ms: 40, bytesSent: [0] }, 20);
  }
  reporter.enter('done');
  expect(seen.flatMap(({ newMetrics }) => newMetrics.map(({ step }) => step))).toEqual(
    Array.from({ length: 1000 }, (_, i) => i),
  );
  expect(seen.at(-1)).toMatchObject({ phase: 'done', step: 1000, tokensPerSecond: { mine: 500, room: 2000 } });
  // 1000 steps of 40 ms: every third is the first one 100 ms after the last status; two changes of phase
  expect(seen.length).toBe(333 + 2);
});

test('the first two traces of a generation are told at once, those of an earlier generation never', () => {
  const seen: TabStatus[] = [];
  const [transport] = memoryTransports(1);
  const reporter = new Reporter(transport!, (status) => seen.push(status));
  const told = () => seen.map(({ generation, traced }) => [generation, traced]);
  reporter.tell({ generation: 1, traced: 0 });
  for (const step of [1, 2, 3, 4]) reporter.traced(step, 1);
  expect(told()).toEqual([
    [1, 1],
    [1, 2],
  ]);
  reporter.tell({ generation: 2, traced: 0 });
  reporter.traced(5, 1);
  reporter.traced(4, 2);
  expect(told().slice(2)).toEqual([[2, 4]]);
});
