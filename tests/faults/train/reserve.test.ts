/**
 * A tab trains alone and others wait in reserve: they hold a copy of its state, so its death costs steps and not the run. Real
 * trainers over plain numbers.
 */
import { expect, test } from 'vitest';
import { parsePlan } from '../../../src/plan/plan';
import type { TrainerDeps } from '../../../src/train/trainer/given/setting';
import { plainRanks } from '../../helpers/plainrank';
import { smallRun, TrainRoom } from '../../helpers/trainroom';

const STEPS = 60;
const ALONE = parsePlan({});

/** `a` trains alone and dies before step `dies`, but not before `b` has a copy; then `b` goes on. */
async function succeed(room: TrainRoom, dies: number, depsOf: (peer: string) => Partial<TrainerDeps> = () => ({})) {
  const copied = new Promise<void>((resolve) => {
    room.onCopy = (peer) => peer === 'b' && resolve();
  });
  const at = async (where: string, step: number, self: string) => {
    if (self !== 'a' || where !== 'compute' || step !== dies) return;
    await copied;
    room.kill('a', ALONE);
    room.declare(['b'], { plan: ALONE });
  };
  const tabs = ['a', 'b', 'c'].map((peer) => {
    return room.start(peer, { makeRank: plainRanks({ at }), mirrorEveryMs: 0, ...depsOf(peer) });
  });
  room.declare(['a'], { plan: ALONE });
  return { tabs, result: await tabs[1]!.trainer.finished };
}

async function undisturbed(run: object) {
  const room = new TrainRoom(run, ['a']);
  const { trainer } = room.start('a');
  room.declare(['a'], { plan: ALONE });
  return trainer.finished;
}

test('the next one goes on from the copy, and ends with the same weights as an undisturbed run', async () => {
  const { tabs, result } = await succeed(new TrainRoom(smallRun(STEPS), ['a', 'b', 'c'], { jitterMs: 1, seed: 2 }), 40);
  expect(result).toMatchObject({ end: 'done', step: STEPS });
  const [first] = tabs[1]!.metrics;
  expect(first!.step).toBeGreaterThan(0);
  expect(first!.step).toBeLessThanOrEqual(40);
  expect(tabs[1]!.sentences).toContain(
    `The tab that trained is gone, and this one goes on from its copy of step ${first!.step}.`,
  );
  expect(result.weightsHash).toBe((await undisturbed(smallRun(STEPS))).weightsHash);
  // what goes to the reserve belongs to no step
  expect(tabs[0]!.metrics.map(({ bytesSent }) => bytesSent)).toEqual(tabs[0]!.metrics.map(() => [0]));
});

test('a text that only the lone tab has goes with the copy', async () => {
  const run = { ...smallRun(STEPS), data: { source: 'file:my.txt' } };
  const room = new TrainRoom(run, ['a', 'b', 'c']);
  const { result } = await succeed(room, 30, (peer) => (peer === 'a' ? {} : { loadSource: async () => null }));
  expect(result).toMatchObject({ end: 'done', step: STEPS });
});

test('a tab in reserve that says nothing costs the one that trains nothing', async () => {
  const room = new TrainRoom(smallRun(STEPS), ['a', 'b']);
  const { trainer } = room.start('a', { mirrorEveryMs: 0 });
  // it keeps no copies, so it does not answer
  room.start('b');
  room.declare(['a'], { plan: ALONE });
  expect(await trainer.finished).toMatchObject({ end: 'done', step: STEPS });
});

test('replicas with machines of their own hold the state for each other: the reserve gets nothing', async () => {
  const room = new TrainRoom(smallRun(20), ['a', 'b', 'c']);
  const copies: string[] = [];
  room.onCopy = (peer) => copies.push(peer);
  for (const peer of ['a', 'b', 'c']) room.start(peer, { mirrorEveryMs: 0 });
  room.declare(['a', 'b']);
  await Promise.all(['a', 'b'].map((peer) => room.tabs.get(peer)!.trainer.finished));
  expect(copies).toEqual([]);
});

test('replicas of one machine would be lost together: a tab of another machine gets a copy', async () => {
  const room = new TrainRoom(smallRun(STEPS), ['a', 'b', 'c']);
  const copies: string[] = [];
  room.onCopy = (peer) => copies.push(peer);
  const machine = () => 'a'.repeat(16);
  for (const peer of ['a', 'b']) room.start(peer, { mirrorEveryMs: 0, machine });
  room.start('c', { mirrorEveryMs: 0 });
  room.declare(['a', 'b']);
  await Promise.all(['a', 'b'].map((peer) => room.tabs.get(peer)!.trainer.finished));
  expect(new Set(copies)).toEqual(new Set(['c']));
});
