/** The trainer over generations: joins, leaves, deaths and pauses lose no step, double no step, and change no number. */
import { describe, expect, test } from 'vitest';
import type { Transport } from '../../../src/net/wire/transport';
import type { StepMetrics } from '../../../src/train/trainer/given/status';
import type { TrainResult } from '../../../src/train/trainer/trainercontract';
import { plainRanks } from '../../helpers/plainrank';
import { smallRun, type Tab, TrainRoom } from '../../helpers/trainroom';

const STEPS = 30;

async function undisturbed(peers: readonly string[]): Promise<{ metrics: StepMetrics[]; results: TrainResult[] }> {
  const room = new TrainRoom(smallRun(STEPS), peers);
  const tabs = peers.map((peer) => room.start(peer));
  room.declare(peers);
  const results = await Promise.all(tabs.map(({ trainer }) => trainer.finished));
  await settled();
  return { metrics: tabs[0]!.metrics, results };
}

/** Statuses are delivered in microtasks. */
const settled = () => new Promise((resolve) => setImmediate(resolve));

/** A tab that does something when it has begun a step. */
const acting = (step: number, act: () => void, where = 'compute') => {
  let done = false;
  return plainRanks({
    at: (at, now) => {
      if (done || at !== where || now !== step) return;
      done = true;
      act();
    },
  });
};

/** Each step once, and the losses of `reference`. */
function expectCurve(metrics: readonly StepMetrics[], reference: readonly StepMetrics[], from = 0) {
  expect(metrics.map(({ step }) => step)).toEqual(Array.from({ length: STEPS - from }, (_, i) => from + i));
  expectNumbers(metrics, reference);
}

/**
 * Gradients are float32 sums of 56 tokens in another grouping: 56 * 2^-24 = 3e-6 per step relative to their size, which
 * Adam's division and 30 steps of lr 0.05 may carry on; 1e-4 of a loss of about 1 leaves room and shows any lost sample.
 */
function expectNumbers(metrics: readonly StepMetrics[], reference: readonly StepMetrics[]) {
  for (const { step, loss, heldOutLoss, lr } of metrics) {
    expect(Math.abs(loss - reference[step]!.loss)).toBeLessThan(1e-4);
    expect(lr).toBe(reference[step]!.lr);
    if (reference[step]!.heldOutLoss === undefined) expect(heldOutLoss).toBeUndefined();
    else expect(Math.abs(heldOutLoss! - reference[step]!.heldOutLoss!)).toBeLessThan(1e-4);
  }
}

const reference = undisturbed(['a']);

describe('generations', () => {
  test('one, two and three tabs give the same curve; all replicas are bit-equal; a second run is bit-equal', async () => {
    const one = await reference;
    expect(one.metrics.filter(({ heldOutLoss }) => heldOutLoss !== undefined).length).toBe(6);
    for (const peers of [
      ['a', 'b'],
      ['a', 'b', 'c'],
    ]) {
      const { metrics, results } = await undisturbed(peers);
      expectCurve(metrics, one.metrics);
      expect(new Set(results.map(({ weightsHash }) => weightsHash)).size).toBe(1);
      const again = await undisturbed(peers);
      expect(again.results[0]!.weightsHash).toBe(results[0]!.weightsHash);
      expect(again.metrics.map(({ loss }) => loss)).toEqual(metrics.map(({ loss }) => loss));
    }
  });

  test('only rank 0 hands in files, and they are the model', async () => {
    const { results } = await undisturbed(['a', 'b']);
    expect(results.map(({ files, end, step }) => [files !== null, end, step])).toEqual([
      [true, 'done', STEPS],
      [false, 'done', STEPS],
    ]);
    expect(Object.keys(results[0]!.files!)).toEqual([
      'model.safetensors',
      'config.json',
      'tokenizer.json',
      'tokenizer_config.json',
      'generation_config.json',
    ]);
  });

  test('a tab joins during the run: it takes the state from a peer, the curve goes on', async () => {
    const room = new TrainRoom(smallRun(STEPS), ['a', 'b', 'c']);
    const makeRank = acting(11, () => {
      room.start('c');
      room.declare(['a', 'b', 'c']);
    });
    const tabs = [room.start('a', { makeRank }), room.start('b')];
    room.declare(['a', 'b']);
    const results = await Promise.all(tabs.map(({ trainer }) => trainer.finished));
    const joiner = room.tabs.get('c')!;
    const joined = await joiner.trainer.finished;
    await settled();
    const { metrics } = await reference;
    expectCurve(tabs[0]!.metrics, metrics);
    expectCurve(joiner.metrics, metrics, 12);
    expect(new Set([...results, joined].map(({ weightsHash }) => weightsHash)).size).toBe(1);
    expect(joiner.phases).toEqual(['waiting', 'syncing', 'training', 'done']);
  });

  test('a tab stops at a step border; the others go on with all samples', async () => {
    const room = new TrainRoom(smallRun(STEPS), ['a', 'b', 'c']);
    const makeRank = acting(9, () => {
      room.tabs.get('b')!.trainer.stop();
      room.declare(['a', 'c']);
    });
    const tabs = ['a', 'b', 'c'].map((peer) => room.start(peer, peer === 'b' ? { makeRank } : {}));
    room.declare(['a', 'b', 'c']);
    const [a, b, c] = await Promise.all(tabs.map(({ trainer }) => trainer.finished));
    await settled();
    expect(b).toMatchObject({ end: 'stopped', step: 10, files: null });
    expect(a!.weightsHash).toBe(c!.weightsHash);
    expectCurve(tabs[0]!.metrics, (await reference).metrics);
    expect(tabs[1]!.metrics.length).toBe(10);
  });

  test.each([
    ['compute', 0],
    ['compute', 13],
    ['reduced', 13],
    ['voted', 13],
    ['committed', 13],
    ['voted', 29],
    ['committed', 29],
  ])('a tab dies at %s of step %i: no step is lost or doubled, survivors are bit-equal', async (where, step) => {
    const room = new TrainRoom(smallRun(STEPS), ['a', 'b', 'c'], { latencyMs: 0 });
    const makeRank = acting(step, () => room.kill('b'), where);
    const tabs = ['a', 'b', 'c'].map((peer) => room.start(peer, peer === 'b' ? { makeRank } : {}));
    room.declare(['a', 'b', 'c']);
    await expectSurvivors([tabs[0]!, tabs[2]!]);
  });

  test.each([1, 2, 3, 4, 5, 6, 7, 8])(
    'a tab dies at some point of some step while messages are late (seed %i)',
    async (seed) => {
      const random = mulberry(seed);
      const room = new TrainRoom(smallRun(STEPS), ['a', 'b', 'c', 'd'], { latencyMs: 0.5, jitterMs: 3, seed });
      const step = Math.floor(random() * STEPS);
      const where = ['compute', 'reduced', 'voted', 'committed'][Math.floor(random() * 4)]!;
      const makeRank = acting(step, () => room.kill('a'), where);
      const tabs = ['a', 'b', 'c', 'd'].map((peer) => room.start(peer, peer === 'a' ? { makeRank } : {}));
      room.declare(['a', 'b', 'c', 'd']);
      await expectSurvivors(tabs.slice(1));
    },
  );

  test('a rank that missed the commit takes the step from those who have it', async () => {
    const room = new TrainRoom(smallRun(STEPS), ['a', 'b', 'c']);
    // c's ballot of step 6 reaches a and never b; c dies when a has committed
    const transport = deafTo(room.transports.get('b')!, '1/6/NORM/x2');
    const makeRank = acting(6, () => room.kill('c'), 'committed');
    const tabs = [room.start('a', { makeRank }), room.start('b', { transport }), room.start('c')];
    room.declare(['a', 'b', 'c']);
    await expectSurvivors(tabs.slice(0, 2));
    expect(tabs[0]!.metrics.length).toBe(STEPS);
    expect(tabs[1]!.metrics.map(({ step }) => step)).not.toContain(6);
  });

  async function expectSurvivors(survivors: readonly Tab[]) {
    const results = await Promise.all(survivors.map(({ trainer }) => trainer.finished));
    await settled();
    expect(new Set(results.map(({ weightsHash }) => weightsHash)).size).toBe(1);
    const { metrics } = await reference;
    const seen = new Set<number>();
    for (const tab of survivors) {
      const steps = tab.metrics.map(({ step }) => step);
      expect(new Set(steps).size).toBe(steps.length);
      for (const step of steps) seen.add(step);
      expectNumbers(
        tab.metrics.map(({ heldOutLoss, ...rest }) => rest),
        metrics.map(({ heldOutLoss, ...rest }) => rest),
      );
    }
    expect(seen.size).toBe(STEPS);
  }
});

/** `transport`, but one message never arrives. */
function deafTo(transport: Transport, tag: string): Transport {
  return {
    self: transport.self,
    send: (to, name, payload) => transport.send(to, name, payload),
    recv: (from, name, signal) => transport.recv(from, name === tag ? `${name}/never` : name, signal),
    sizeOf: (name, payloadBytes) => transport.sizeOf(name, payloadBytes),
    release: (from, payload) => transport.release(from, payload),
    enterGeneration: (generation) => transport.enterGeneration(generation),
    onPeers: (listener) => transport.onPeers(listener),
    stats: () => transport.stats(),
    flush: () => transport.flush(),
    close: () => transport.close(),
  };
}

/** mulberry32 */
function mulberry(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}
