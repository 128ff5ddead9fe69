/** Two people bring different texts, or a lecturer starts another run: one run goes on, and each tab says what it can do. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { parsePlan } from '../../../src/plan/plan';
import { idOf, SimRoom } from '../../helpers/simroom';
import { randomFrom } from '../../helpers/worlds/time';

const textOf = (source: string, steps = 100) => JSON.stringify({ data: { source }, train: { globalBatch: 64, steps } });
const bringing = (source: string, hash = source) => ({
  run: { text: textOf(source), hash },
  presence: { run: hash },
});
const seen = (room: SimRoom, n: number) => room.peers.get(idOf(n))!;

test.each([
  [1, 2],
  [2, 1],
])('the run of %i goes on; %i comes later and reads which text the room has', async (first, later) => {
  const room = new SimRoom();
  room.add(first, bringing('file:whale.txt'));
  await room.pass(5_000);
  room.add(later, bringing('file:notes.txt'));
  await room.pass(5_000);
  expect(seen(room, first).joined?.run).toBe(textOf('file:whale.txt'));
  expect(seen(room, first).history).toHaveLength(1);
  expect(String(seen(room, later).failure)).toContain(
    'This room trains on whale.txt, and this tab brought notes.txt: take part again to train with the others',
  );
});

test('another model on the same text is named as that', async () => {
  const room = new SimRoom();
  room.add(1, bringing('moby-dick', 'small'));
  await room.pass(5_000);
  room.add(2, bringing('moby-dick', 'large'));
  await room.pass(5_000);
  expect(String(seen(room, 2).failure)).toContain('This room trains another model on moby-dick: take part again');
});

test('another text of the same name is named as that', async () => {
  const pasted = (sha256: string) => ({
    run: { text: JSON.stringify({ data: { source: 'file:pasted text', sha256 } }), hash: sha256 },
    presence: { run: sha256 },
  });
  const room = new SimRoom();
  room.add(1, pasted('aa'));
  await room.pass(5_000);
  room.add(2, pasted('bb'));
  await room.pass(5_000);
  expect(seen(room, 1).history).toHaveLength(1);
  expect(String(seen(room, 2).failure)).toContain('This room trains on another text named pasted text: take part');
});

test('a tab that begins another run is not held against the run of its earlier part in the room', async () => {
  const room = new SimRoom();
  room.add(1, { ...bringing('file:new.txt'), presence: { run: 'file:old.txt' } });
  await room.pass(5_000);
  expect(seen(room, 1).failure).toBeUndefined();
  room.announce(idOf(1), { run: 'file:new.txt' });
  await room.pass(5_000);
  expect(seen(room, 1).joined?.run).toBe(textOf('file:new.txt'));
});

test('whoever begins at the same moment: one run goes on, the other tab is told', async () => {
  await fc.assert(
    fc.asyncProperty(fc.nat(), fc.nat(4_000), fc.boolean(), async (seed, laterMs, isLow) => {
      const random = randomFrom(seed);
      const room = new SimRoom();
      const [first, later] = isLow ? [1, 2] : [2, 1];
      room.add(first, bringing('a'));
      await room.pass(laterMs);
      room.add(later, bringing('b'));
      await room.settle(() => Math.floor(random() * 50));
      const both = [seen(room, 1), seen(room, 2)];
      expect(both.filter(({ joined }) => joined !== undefined)).toHaveLength(1);
      const refused = both.find(({ joined }) => joined === undefined)!;
      expect(String(refused.failure)).toContain('take part again');
    }),
    { seed: 20261130, numRuns: 300 },
  );
});

test('a lecturer starts another run: the tab that had brought one trains that of the lecturer', async () => {
  const room = new SimRoom();
  room.add(1, bringing('a'));
  room.add(2, { run: { text: '', hash: '' }, presence: { run: '' } });
  await room.pass(5_000);
  const page = room.add(9, {
    run: { text: '', hash: '' },
    presence: { run: '', state: 'observer', signal: true },
  });
  await room.pass(2_000);
  page.machine.ask({ run: { text: textOf('z'), hash: 'z', plan: parsePlan({}) } });
  await room.pass(5_000);
  for (const n of [1, 2]) {
    expect(seen(room, n).joined).toMatchObject({ run: textOf('z') });
    expect(seen(room, n).joined!.peers).toHaveLength(2);
    expect(seen(room, n).failure).toBeUndefined();
  }
});
