/** A newcomer builds its rank once before it waits for a generation: its kernels and its failures cost the members nothing. */
import { expect, test } from 'vitest';
import { BufferLimit, DeviceLost } from '../../../src/errors';
import type { MakeRank, RankSetting } from '../../../src/train/rank/rankcontract';
import { plainRanks } from '../../helpers/plainrank';
import { smallRun, type Tab, TrainRoom } from '../../helpers/trainroom';

/** More than the tests wait for. */
const STEPS = 3000;
const reopen = async () => {};

/** `a` trains alone and `b` comes; `warms` stands before the first rank that `b` makes. */
function roomWith(warms: (setting: RankSetting) => Promise<void>) {
  const room = new TrainRoom(smallRun(STEPS), ['a', 'b']);
  const settings: RankSetting[] = [];
  const make = plainRanks();
  const makeRank: MakeRank = async (setting) => {
    settings.push(setting);
    if (settings.length === 1) await warms(setting);
    return make(setting);
  };
  const isWaiting = () => room.waits('b');
  const a = room.start('a', { reopen });
  room.declare(['a']);
  return { room, a, settings, isWaiting, come: () => room.start('b', { makeRank, reopen }) };
}

const trained = (tab: Tab, steps: number) => expect.poll(() => tab.metrics.length).toBeGreaterThanOrEqual(steps);

test('it builds the rank of the plan with one more replica, and waits for a generation only then', async () => {
  let release = () => {};
  const { room, a, settings, isWaiting, come } = roomWith(() => new Promise((resolve) => (release = resolve)));
  await trained(a, 2);
  const b = come();
  await expect.poll(() => settings.length).toBe(1);
  expect(settings[0]!.mesh.peers).toEqual(['a', 'b']);
  expect(settings[0]!.plan.dp).toBe(2);
  expect(settings[0]!.run.model.vocab).toBeGreaterThan(0);
  const before = a.metrics.length;
  await trained(a, before + 3);
  expect([isWaiting(), room.generation]).toEqual([false, 1]);
  release();
  await expect.poll(isWaiting).toBe(true);
  room.declare(['a', 'b']);
  await trained(b, 2);
  // the rank of the generation, and no second one beside it
  expect(settings).toHaveLength(2);
  for (const { trainer } of [a, b]) trainer.stop();
  await Promise.all([a.trainer.finished, b.trainer.finished]);
});

test('a device that cannot hold its part says so before it could be named: no generation ends', async () => {
  const { room, a, come, isWaiting } = roomWith(async () => {
    throw new BufferLimit('a unit needs 9 MB and this device binds at most 8 MB', 8 * 2 ** 20);
  });
  await trained(a, 2);
  const b = come();
  await expect(b.trainer.finished).rejects.toThrow('binds at most');
  expect(room.failures).toEqual(['b: its graphics chip allows 8 MB buffers']);
  expect([isWaiting(), room.generation]).toEqual([false, 1]);
  await trained(a, a.metrics.length + 3);
  a.trainer.stop();
  await a.trainer.finished;
});

test('a device that is lost meanwhile is opened again, and the rank is built on the new one', async () => {
  const { a, come, settings, isWaiting } = roomWith(async () => {
    throw new DeviceLost('the graphics device was lost (unknown)');
  });
  await trained(a, 2);
  const b = come();
  await expect.poll(isWaiting).toBe(true);
  expect(b.phases).toContain('opening');
  expect(settings).toHaveLength(2);
  for (const { trainer } of [a, b]) trainer.stop();
  await Promise.all([a.trainer.finished, b.trainer.finished]);
});

test('a tab that is stopped meanwhile leaves at once, without a word of failure', async () => {
  let release = () => {};
  const { room, a, come, settings } = roomWith(() => new Promise((resolve) => (release = resolve)));
  await trained(a, 2);
  const b = come();
  await expect.poll(() => settings.length).toBe(1);
  b.trainer.stop();
  expect((await b.trainer.finished).end).toBe('stopped');
  expect(room.failures).toEqual([]);
  release();
  a.trainer.stop();
  await a.trainer.finished;
});
