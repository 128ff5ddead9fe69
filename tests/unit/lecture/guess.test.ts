/** The room guesses before it sees: the answers are computed from the figures, and none is known before the reveal. */
import { signal } from '@preact/signals';
import { describe, expect, test, vi } from 'vitest';
import type { Proof } from '../../../src/pages/lecture/facts/feed';
import { answerOf, type RoomFacts } from '../../../src/pages/lecture/models/choice/answers';
import { DEFAULT_PICKS, SCENES } from '../../../src/pages/lecture/models/choice/plans';
import { type Digest, digestOf } from '../../../src/pages/lecture/models/digest';
import { readAddress } from '../../../src/pages/lecture/show/address';
import { Guess } from '../../../src/pages/lecture/show/guess';
import { Show } from '../../../src/pages/lecture/show/show';
import { QUESTIONS, type QuestionName } from '../../../src/pages/lecture/words/questions';
import type { RoomQuestion } from '../../../src/pages/tab';

vi.stubGlobal('requestAnimationFrame', () => 0);

const NAMES = Object.keys(QUESTIONS) as QuestionName[];

function factsOf(show: Show, change: Partial<RoomFacts> = {}): RoomFacts {
  const moment = show.moment.value;
  const base = { moment, run: moment.run!, tabs: 4, picks: DEFAULT_PICKS };
  return { ...base, measured: () => undefined, imagine: (plan, by) => show.imagine(plan, by), ...change };
}

test('twelve questions, each in a scene and short enough for the network', () => {
  expect(NAMES).toHaveLength(12);
  for (const { scene, text, options } of Object.values(QUESTIONS)) {
    expect(SCENES).toContain(scene);
    expect(text.length).toBeLessThanOrEqual(300);
    for (const option of options) expect(option.length).toBeLessThanOrEqual(100);
    expect(new Set(options).size).toBe(options.length);
  }
});

describe('the simulator answers', () => {
  const show = new Show(readAddress(''));
  test.each([
    ['memory', 3],
    ['eight', 1],
    ['overlap', 1],
    ['shards', 3],
    ['traffic', 1],
    ['depth', 3],
    ['keeps', 2],
    ['far', 0],
    ['sums', 2],
    ['axis', 2],
  ] as const)('%s', (name, right) => {
    const found = answerOf(name, factsOf(show))!;
    expect(found).toMatchObject({ right, isMeasured: false });
    expect(found.why.length).toBeLessThanOrEqual(600 - ' (expected by the simulator)'.length);
  });

  test('one tab alone cannot answer what needs several, and says so by no answer', () => {
    for (const name of ['overlap', 'shards', 'traffic', 'depth', 'keeps', 'far', 'sums'] as const) {
      expect(answerOf(name, factsOf(show, { tabs: 1 })), name).toBeNull();
    }
  });
});

describe('measurements decide', () => {
  const show = new Show(readAddress(''));
  /** The simulator's figures of a plan, changed. */
  const measured = (change: (digest: Digest) => Partial<Digest>): Partial<RoomFacts> => ({
    measured(plan) {
      const digest = digestOf(show.imagine(plan)!, undefined)!;
      return { ...digest, ...change(digest) };
    },
  });

  test.each([0, 1, 2, 3])('the fastest plan is the one measured as fastest: %i', (fastest) => {
    const isFamily = [
      (digest: Digest) => digest.plan.dp > 1 && digest.plan.zero === 0,
      (digest: Digest) => digest.plan.zero === 3,
      (digest: Digest) => digest.plan.pp > 1,
      (digest: Digest) => digest.plan.tp > 1,
    ][fastest]!;
    const facts = factsOf(
      show,
      measured((digest) => ({ tokensPerSecond: isFamily(digest) ? 2000 : 1000 })),
    );
    expect(answerOf('fastest', facts)).toMatchObject({ right: fastest, isMeasured: true });
  });

  test('where overlap was measured to hide nothing, the answer says so', () => {
    const parts = { compute: 1, tp: 0, dp: 5, pp: 0, idle: 0 };
    expect(
      answerOf(
        'overlap',
        factsOf(
          show,
          measured(() => ({ parts })),
        ),
      ),
    ).toMatchObject({ right: 2, isMeasured: true });
  });

  test.each([
    [0, 0],
    [3e-7, 1],
    [1e-2, 2],
    [0.9, 3],
  ])('gradients that differ by %f are answer %i; without a proof there is none', (relativeL2, right) => {
    expect(answerOf('rounding', factsOf(show))).toBeNull();
    const proof: Proof = { step: 3, parted: '', tensors: [{ name: 'a', maxAbs: relativeL2, relativeL2 }] };
    const moment = { ...show.moment.value, proof };
    expect(answerOf('rounding', factsOf(show, { moment }))).toMatchObject({ right, isMeasured: true });
  });
});

/** A lecture whose room keeps what it was told. */
function lecture() {
  const show = new Show(readAddress('#scene=pipeline'));
  const told: (RoomQuestion | null)[] = [];
  const roster = signal(new Map([['phone', { peer: 'phone' }]]));
  const commands = { question: (question: RoomQuestion | null) => told.push(question) };
  const rest = { seats: signal(0), crowded: signal([]), machines: signal([]), feed: { ranks: signal([]) } };
  show.live.value = { commands, roster, ...rest } as never;
  return { show, guess: new Guess(show), told };
}

test('asked, voted on, revealed, closed: the room is told each state once, and no outcome before the reveal', async () => {
  const { guess, told } = lecture();
  guess.next();
  const asked = guess.question.value!;
  expect(asked.text).toBe(QUESTIONS.depth.text);
  guess.take('phone', { t: 'vote', id: asked.id, choice: 3 });
  guess.take('nobody', { t: 'vote', id: asked.id, choice: 1 });
  expect(guess.counts.value).toEqual([0, 0, 0, 1]);
  expect(told).toEqual([asked]);
  expect(asked.outcome).toBeUndefined();
  await guess.reveal();
  await vi.waitFor(() => expect(guess.question.value?.outcome).toBeDefined());
  expect(guess.question.value!.outcome).toMatchObject({ right: 3, votes: [0, 0, 0, 1] });
  guess.take('phone', { t: 'vote', id: asked.id, choice: 0 });
  expect(guess.counts.value).toEqual([0, 0, 0, 1]);
  guess.next();
  expect(guess.question.value!.text).toBe(QUESTIONS.keeps.text);
  expect(guess.counts.value).toEqual([0, 0, 0].concat(0));
  guess.close();
  expect(told.map((question) => question?.id.split('-')[0])).toEqual(['depth', 'depth', 'keeps', undefined]);
});

test('a question ends with its scene, and one that is asked again takes no vote of the first time', () => {
  const { show, guess, told } = lecture();
  guess.next();
  const first = guess.question.value!.id;
  show.go('data');
  expect(guess.question.value).toBeNull();
  expect(told.at(-1)).toBeNull();
  show.go('pipeline');
  guess.next();
  guess.take('phone', { t: 'vote', id: first, choice: 0 });
  expect(guess.counts.value).toEqual([0, 0, 0, 0]);
  show.go('glance');
  guess.next();
  expect(guess.question.value).toBeNull();
});
