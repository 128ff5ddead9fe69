/** Asking running trainers for a proof: who answers, what a lost tab or the end of the run does to it. Plain numbers. */
import { expect, test } from 'vitest';
import { InputError } from '../../../src/errors';
import { smallRun, TrainRoom } from '../../helpers/trainroom';

const PEERS = ['a', 'b', 'c'];

test('the asking tab gets the proof, the curve is that of a run that nobody asked', async () => {
  const curve = async (asks: boolean) => {
    const room = new TrainRoom(smallRun(12), PEERS);
    const tabs = PEERS.map((peer) => room.start(peer));
    const proof = asks ? tabs[1]!.trainer.prove() : null;
    room.declare(PEERS);
    await Promise.all(tabs.map(({ trainer }) => trainer.finished));
    return { losses: tabs[0]!.metrics.map(({ loss }) => loss), proof: await proof };
  };
  const { proof, losses } = await curve(true);
  expect(proof).toMatchObject({ step: 1, parted: '' });
  expect(proof!.tensors.length).toBe(2 + 12 + 2);
  expect(losses).toEqual((await curve(false)).losses);
});

test('a proof that a lost tab broke is made by those who are left', async () => {
  const room = new TrainRoom(smallRun(400), PEERS);
  const tabs = PEERS.map((peer) => room.start(peer));
  room.declare(PEERS);
  await expect.poll(() => tabs[0]!.metrics.length, { interval: 1 }).toBeGreaterThan(3);
  const proof = tabs[0]!.trainer.prove();
  room.kill('c');
  expect(await proof).toMatchObject({ parted: '' });
  await Promise.all(tabs.slice(0, 2).map(({ trainer }) => trainer.finished));
});

test('training that ends before the next step border refuses it in a sentence', async () => {
  const room = new TrainRoom(smallRun(3), ['a']);
  const { trainer } = room.start('a');
  room.declare(['a'], { steps: 1 });
  const refused = expect(trainer.prove()).rejects.toBeInstanceOf(InputError);
  trainer.stop();
  await trainer.finished;
  await refused;
  await expect(trainer.prove()).rejects.toBeInstanceOf(InputError);
});
