/** First tokens beside a step, between ranks in memory; over devices in equivalence/answers.test.ts. */
import { expect, test } from 'vitest';
import { parsePlan } from '../../../src/plan/plan';
import { ask, type Member, membersOf, prepared, train, WISH } from '../../helpers/answermembers';

/** The ranks get ready at a border, and every rank of `inStep` begins the step behind it. */
async function ready(members: readonly Member[], step: number, inStep: readonly number[] = [...members.keys()]) {
  const votes = members.map(() => ({ asks: false, listens: true }));
  await Promise.all(members.map(({ answering, rank }) => answering.turn(votes, { prepared, rank, step, stepMs: 0 })));
  for (const index of inStep) members[index]!.answering.begin(step);
  await expect.poll(() => members.every(({ opened }) => opened.count === 1)).toBe(true);
}

const someTurns = () => new Promise((resolve) => setTimeout(resolve, 30));

test.each([
  {},
  { pp: 2 },
  { pp: 2, chunks: 2, schedule: 'interleaved', microbatches: 2 },
  { dp: 2, pp: 2 },
  { dp: 2, zero: 2 },
])('%j: a question that comes in a step is answered beside it, and its bytes belong to no step', async (given) => {
  const members = membersOf(parsePlan(given));
  await ready(members, 5);
  const texts = members.map((member) => ask(member));
  expect(await Promise.all(texts)).toEqual(members.map(() => 'cdefghijkl'));
  await Promise.all(members.map(({ answering }) => answering.rest()));
  for (const { traffic } of members) expect(traffic.take()).toBe(0);
  await Promise.all(members.map(({ answering }) => answering.close()));
});

test('a turn beside a step waits for ranks that are not in it yet, and the ballot for the turn', async () => {
  const members = membersOf(parsePlan({ pp: 2 }));
  await ready(members, 5, [1]);
  const text = ask(members[1]!, { ...WISH, length: 1000 });
  const asked = members[1]!.questions.open!;
  await someTurns();
  expect(members[0]!.ran).toEqual([]);
  let isAtNorm = false;
  const rest = members[1]!.answering.rest().then(() => {
    isAtNorm = true;
  });
  await someTurns();
  // no rank may change parameters before the token that was begun
  expect(isAtNorm).toBe(false);
  members[0]!.answering.begin(5);
  await rest;
  expect(asked.text).toBeDefined();
  const ran = members[0]!.ran.length;
  expect(ran).toBe(1);
  // between steps nothing is said
  await someTurns();
  expect(members[0]!.ran).toHaveLength(ran);
  // an answer that has begun goes on at borders
  for (const { answering } of members) answering.begin(6);
  await someTurns();
  expect(members[0]!.ran).toHaveLength(ran);
  members[1]!.questions.stop();
  expect(await text).toBe('c');
  await Promise.all(members.map(({ answering }) => answering.close()));
});

test('where units are copied, or a rank is not ready, a question waits for the border', async () => {
  for (const [given, trouble] of [
    [{ tp: 2 }, -1],
    [{ pp: 2 }, 0],
  ] as const) {
    const members = membersOf(parsePlan(given), trouble);
    await ready(members, 5);
    const text = ask(members[1]!);
    await someTurns();
    expect(members.flatMap(({ ran }) => ran)).toEqual([]);
    await Promise.all(members.map(({ answering }) => answering.rest()));
    if (trouble < 0) await train(members);
    if (trouble < 0) expect(await text).toBe('cdefghijkl');
    members[1]!.questions.stop();
    await Promise.all(members.map(({ answering }) => answering.close()));
  }
});

test('a rank whose stage fails beside a step says so at NORM', async () => {
  const members = membersOf(parsePlan({ pp: 2 }));
  await ready(members, 5);
  members[0]!.ran.push = () => {
    throw new Error('no memory');
  };
  void ask(members[1]!);
  await someTurns();
  await expect(members[0]!.answering.rest()).rejects.toThrow('no memory');
  await Promise.all(members.map(({ answering }) => answering.close()));
});
