/** Failing is leaving: a tab that cannot go on says why before it tidies up, and a lost device costs no step of others. */
import { expect, test } from 'vitest';
import { BufferLimit, DeviceLost, LineError } from '../../../src/errors';
import type { StepMetrics } from '../../../src/train/trainer/given/status';
import { plainRanks } from '../../helpers/plainrank';
import { smallRun, TrainRoom } from '../../helpers/trainroom';

const STEPS = 30;
const settled = () => new Promise((resolve) => setImmediate(resolve));

async function undisturbed(): Promise<{ metrics: readonly StepMetrics[]; hash: string }> {
  const room = new TrainRoom(smallRun(STEPS), ['a']);
  const { trainer, metrics } = room.start('a');
  room.declare(['a']);
  const { weightsHash } = await trainer.finished;
  await settled();
  return { metrics, hash: weightsHash };
}

/** Ranks whose device is lost at `step`, once; nothing can be read before `reopen`. */
function losing(step: number, where = 'compute') {
  let [isLost, wasLost] = [false, false];
  const lost = () => new DeviceLost('the graphics device was lost (unknown)');
  return {
    makeRank: plainRanks({
      at: (at, now) => {
        if (wasLost || at !== where || now !== step) return;
        [isLost, wasLost] = [true, true];
        throw lost();
      },
      beforeRead: async () => {
        if (isLost) throw lost();
      },
    }),
    reopen: async () => {
      isLost = false;
    },
  };
}

/** Float32 sums in another grouping, as in trainer.test.ts. */
function expectCurve(metrics: readonly StepMetrics[], reference: readonly StepMetrics[]) {
  expect(metrics.map(({ step }) => step)).toEqual(reference.map(({ step }) => step));
  for (const { step, loss } of metrics) expect(Math.abs(loss - reference[step]!.loss)).toBeLessThan(1e-4);
}

test('a lone tab whose device is lost opens it again and goes on from its copy: every step once, the same weights', async () => {
  const reference = await undisturbed();
  const room = new TrainRoom(smallRun(STEPS), ['a']);
  room.onFailure = () => setTimeout(() => room.declare(['a']), 5);
  const tab = room.start('a', { ...losing(12), mirrorEveryMs: 0 });
  room.declare(['a']);
  const { weightsHash, step } = await tab.trainer.finished;
  await settled();
  expect(room.failures).toEqual(['a: its graphics device was lost']);
  expect(tab.phases).toContain('opening');
  expect(tab.sentences).toContain('The graphics device was lost; it is being opened again.');
  expectCurve(tab.metrics, reference.metrics);
  expect([step, weightsHash]).toEqual([STEPS, reference.hash]);
});

test('a lone tab whose device is lost before the first step begins again', async () => {
  const reference = await undisturbed();
  const room = new TrainRoom(smallRun(STEPS), ['a']);
  room.onFailure = () => setTimeout(() => room.declare(['a']), 5);
  const tab = room.start('a', { ...losing(0), mirrorEveryMs: 10_000 });
  room.declare(['a']);
  expect((await tab.trainer.finished).weightsHash).toBe(reference.hash);
});

test('a member whose device is lost comes back; the other trains on meanwhile and loses nothing', async () => {
  const reference = await undisturbed();
  const room = new TrainRoom(smallRun(STEPS), ['a', 'b']);
  room.onFailure = () => room.declare(['a']);
  const { makeRank, reopen } = losing(10, 'reduced');
  const back = async () => {
    await reopen();
    setTimeout(() => room.declare(['a', 'b']), 5);
  };
  const a = room.start('a', { mirrorEveryMs: 10_000 });
  const b = room.start('b', { makeRank, reopen: back, mirrorEveryMs: 10_000 });
  room.declare(['a', 'b']);
  const [one, two] = await Promise.all([a.trainer.finished, b.trainer.finished]);
  await settled();
  expectCurve(a.metrics, reference.metrics);
  expect(two.weightsHash).toBe(one.weightsHash);
  expect(two.step).toBe(STEPS);
});

test('a tab that cannot open its device again is gone, with its own reason', async () => {
  const room = new TrainRoom(smallRun(STEPS), ['a', 'b']);
  room.onFailure = () => room.declare(['a']);
  const reopen = () => Promise.reject(new DeviceLost('the graphics device was lost 4 times'));
  const a = room.start('a', { mirrorEveryMs: 10_000 });
  const b = room.start('b', { makeRank: losing(10).makeRank, reopen, mirrorEveryMs: 10_000 });
  room.declare(['a', 'b']);
  await expect(b.trainer.finished).rejects.toThrow('was lost 4 times');
  expect((await a.trainer.finished).step).toBe(STEPS);
});

test('a tab that fails says why before it tidies up, even where that waits for peers; the others go on', async () => {
  const room = new TrainRoom(smallRun(STEPS), ['a', 'b']);
  room.onFailure = () => room.declare(['a']);
  const limit = new BufferLimit('buffer saved/0 needs 256 MB and this device binds at most 128 MB', 2 ** 27);
  const makeRank = plainRanks({
    at: (at, step) => {
      if (at === 'compute' && step === 10) throw new LineError(1, 3, 20, 'F block0 m0', 'around', limit);
    },
    // as a rank with operations under way: it cannot be read before they have ended
    beforeRead: (signal) =>
      new Promise((_, reject) => {
        if (signal.aborted) reject(signal.reason);
        else signal.addEventListener('abort', () => reject(signal.reason));
      }),
  });
  const a = room.start('a');
  const b = room.start('b', { makeRank });
  room.declare(['a', 'b']);
  await expect(b.trainer.finished).rejects.toThrow('rank 1 failed in line 3 of 20');
  expect(room.failures).toEqual(['b: its graphics chip allows 128 MB buffers']);
  expect((await a.trainer.finished).step).toBe(STEPS);
  await settled();
  expectCurve(a.metrics, (await undisturbed()).metrics);
});

test.each([
  ['not finite', Number.NaN],
  ['a hundred times those of the others', 1e9],
])(
  'a rank whose numbers are %s: the step runs again without it, and it comes back; after three times it watches',
  async (_, wrong) => {
    const reference = await undisturbed();
    const room = new TrainRoom(smallRun(STEPS), ['a', 'b', 'c']);
    room.onFailure = () => room.declare(['a', 'c']);
    const wrongly: boolean[] = [];
    const reopen = async (isWrong: boolean) => {
      wrongly.push(isWrong);
      setTimeout(() => room.declare(['a', 'b', 'c']), 5);
    };
    const makeRank = plainRanks({ claims: (self, step, loss) => (self === 'b' && step >= 8 ? wrong : loss) });
    const [a, b, c] = ['a', 'b', 'c'].map((peer) => room.start(peer, { makeRank, reopen, mirrorEveryMs: 10_000 }));
    room.declare(['a', 'b', 'c']);
    await expect(b!.trainer.finished).rejects.toThrow('in 3 steps, so this tab only watches');
    const [one, three] = await Promise.all([a!.trainer.finished, c!.trainer.finished]);
    await settled();
    expect(room.failures).toEqual(Array(3).fill('b: its graphics chip computed numbers that cannot be right'));
    // each time past the join gate
    expect(wrongly).toEqual([true, true]);
    expectCurve(a!.metrics, reference.metrics);
    expect(three.weightsHash).toBe(one.weightsHash);
  },
);

test('numbers that are wrong on all ranks mean that the run has diverged: all say so', async () => {
  const room = new TrainRoom(smallRun(STEPS), ['a', 'b']);
  const makeRank = plainRanks({ broken: 5, claims: (_, step, loss) => (step === 5 ? Number.NaN : loss) });
  const tabs = ['a', 'b'].map((peer) => room.start(peer, { makeRank }));
  room.declare(['a', 'b']);
  for (const { trainer } of tabs) await expect(trainer.finished).rejects.toThrow('step 5 gave loss NaN');
});

test('a run whose state is gone begins again and says so', async () => {
  const room = new TrainRoom(smallRun(5), ['a']);
  room.isStateLost = true;
  const tab = room.start('a');
  room.declare(['a']);
  await tab.trainer.finished;
  await settled();
  expect(tab.sentences).toContain('The tabs that held the model are gone, so the run begins again from step 0.');
});
