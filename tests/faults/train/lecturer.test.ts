/** What a lecturer does to running trainers: so many steps and no more, another run in the middle of one. */
import { expect, test } from 'vitest';
import { smallRun, TrainRoom } from '../../helpers/trainroom';

const PEERS = ['a', 'b', 'c'];

test('so many steps are run and no more, and change no number', async () => {
  const plain = new TrainRoom(smallRun(12), PEERS);
  const before = PEERS.map((peer) => plain.start(peer));
  plain.declare(PEERS);
  await Promise.all(before.map(({ trainer }) => trainer.finished));

  const room = new TrainRoom(smallRun(12), PEERS);
  const tabs = PEERS.map((peer) => room.start(peer));
  const stepsAt = async (step: number) => {
    await expect
      .poll(() => tabs.map(({ status }) => [status?.phase, status?.step]))
      .toEqual(PEERS.map(() => ['waiting', step]));
  };
  room.declare(PEERS, { steps: 1 });
  await stepsAt(1);
  room.declare(PEERS, { paused: true });
  room.declare(PEERS, { steps: 3 });
  await stepsAt(4);
  room.declare(PEERS);
  const results = await Promise.all(tabs.map(({ trainer }) => trainer.finished));
  expect(results.map(({ step }) => step)).toEqual([12, 12, 12]);
  const losses = (of: typeof tabs) => of[0]!.metrics.map(({ step, loss }) => [step, loss]);
  expect(losses(tabs)).toEqual(losses(before));
});

test('another run in the middle of one begins from its own seed', async () => {
  const other = { ...smallRun(6), train: { steps: 6, globalBatch: 7, lr: 0.05, seed: 7 } };
  const alone = new TrainRoom(other, PEERS);
  const fresh = PEERS.map((peer) => alone.start(peer));
  alone.declare(PEERS);
  const [wanted] = await Promise.all(fresh.map(({ trainer }) => trainer.finished));

  const room = new TrainRoom(smallRun(1000), PEERS);
  const tabs = PEERS.map((peer) => room.start(peer));
  room.declare(PEERS);
  await expect.poll(() => tabs[0]!.metrics.length).toBeGreaterThan(3);
  room.declare(PEERS, { run: other });
  const results = await Promise.all(tabs.map(({ trainer }) => trainer.finished));
  expect(results.map(({ weightsHash }) => weightsHash)).toEqual(PEERS.map(() => wanted!.weightsHash));
  expect(tabs[0]!.metrics.slice(-6).map(({ step }) => step)).toEqual([0, 1, 2, 3, 4, 5]);
});
