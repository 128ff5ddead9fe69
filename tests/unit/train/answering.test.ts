/**
 * Turns of answers at step borders between ranks in memory. The same turns over devices are in
 * equivalence/answers.test.ts.
 */
import { expect, test } from 'vitest';
import { parsePlan } from '../../../src/plan/plan';
import { seedElements } from '../../../src/train/state/elements';
import { wholeModel } from '../../../src/train/state/holding';
import { ask, membersOf, model, prepared, SEED, train, WISH } from '../../helpers/answermembers';

test.each([
  {},
  { pp: 2 },
  { pp: 4, microbatches: 4 },
  { pp: 2, chunks: 2, schedule: 'interleaved', microbatches: 2 },
  { pp: 2, chunks: 2, schedule: 'zb-v', microbatches: 4 },
  { dp: 2, pp: 2 },
  { dp: 2, zero: 2 },
  { tp: 2 },
  { dp: 2, pp: 2, tp: 2, microbatches: 2 },
  { dp: 2, zero: 3 },
  { dp: 3, tp: 2, zero: 3 },
])('%j: every rank is answered in turn, by those that hold a model with it, one token at a border', async (given) => {
  const plan = parsePlan(given);
  const members = membersOf(plan);
  const answers = members.map((member) => ask(member));
  const steps = await train(members);
  for (const text of await Promise.all(answers)) expect(text).toBe('cdefghijkl');
  expect(steps).toBeGreaterThan(10 * members.length);
  // of six ranks, four have one of the four units
  expect(members.filter(({ ran }) => ran.length > 0)).toHaveLength(Math.min(members.length, plan.zero === 3 ? 4 : 8));
  // of answers, not of steps
  for (const { traffic } of members) expect(traffic.take()).toBe(0);
});

test.each([{ tp: 2 }, { dp: 2, zero: 3 }, { dp: 2, tp: 2, zero: 3 }, { dp: 2, tp: 2 }])(
  '%j: the ranks get copies of whole units, and no rank gets the model',
  async (given) => {
    const members = membersOf(parsePlan(given));
    const text = ask(members[0]!, { ...WISH, length: 1 });
    await train(members);
    expect(await text).toBe('c');
    const team = members.filter(({ copied }) => copied.size > 0);
    const all = wholeModel(model);
    const elements = await seedElements(model, SEED).read('param', [
      { from: 0, to: all.reduce((sum, { floats }) => sum + floats, 0) },
    ]);
    const missing = new Set(elements.keys());
    for (const { copied } of team) {
      expect(copied.size).toBeLessThan(0.8 * elements.length);
      for (const [address, value] of copied) {
        expect(value).toBe(elements[address]);
        missing.delete(address);
      }
    }
    expect(missing.size).toBe(0);
    // the other replica goes on
    expect(team.length).toBe('zero' in given ? members.length : 2);
  },
);

test('ranks get ready where somebody may ask, send nothing for it, and give the buffers back', async () => {
  const members = membersOf(parsePlan({ dp: 2, pp: 2 }));
  const border = async (step: number, listens: boolean) => {
    const votes = members.map((_, rank) => ({ asks: false, listens: listens && rank === 3 }));
    await Promise.all(members.map(({ answering, rank }) => answering.turn(votes, { prepared, rank, step, stepMs: 0 })));
  };
  const counts = () => members.map(({ opened }) => [opened.count, opened.closed].join());
  const sent = () =>
    members.map(({ transport }) =>
      transport
        .stats()
        .map(({ bytesSent }) => bytesSent)
        .join(),
    );
  const before = sent();
  await border(1, true);
  await border(2, true);
  await expect.poll(counts).toEqual(['0,0', '0,0', '1,0', '1,0']);
  expect(sent()).toEqual(before);
  const text = ask(members[3]!);
  await train(members);
  expect(await text).toBe('cdefghijkl');
  await border(300, false);
  await expect.poll(counts).toEqual(['0,0', '0,0', '1,1', '1,1']);
  // a rank that is closed while it opens gives back what it gets
  await border(301, true);
  await Promise.all(members.map(({ answering }) => answering.close()));
  expect(counts()).toEqual(['0,0', '0,0', '2,2', '2,2']);
});

test('a device without room ends the question in a sentence, and all go on', async () => {
  for (const asker of [0, 1]) {
    const small = membersOf(parsePlan({ pp: 2 }), 1);
    const text = ask(small[asker]!);
    expect(await train(small)).toBe(2);
    await expect(text).rejects.toThrow('the room cannot answer: a buffer of 9 MB > 1 MB');
    expect(small.flatMap(({ ran }) => ran)).toEqual([]);
  }
});

test('a question that was stopped between vote and border is no pass for the others; a bad prompt is said', async () => {
  const members = membersOf(parsePlan({ pp: 2 }));
  const text = ask(members[1]!);
  const votes = [
    { asks: false, listens: false },
    { asks: true, listens: true },
  ];
  members[1]!.questions.stop();
  await Promise.all(
    members.map(({ answering, rank }) => answering.turn(votes, { prepared, rank, step: 1, stepMs: 0 })),
  );
  expect(await text).toBe('');
  expect(members.flatMap(({ ran }) => ran)).toEqual([]);
  const bad = ask(members[0]!, { ...WISH, prompt: '123' });
  await train(members);
  await expect(bad).rejects.toThrow('the prompt has no token of this model');
});
