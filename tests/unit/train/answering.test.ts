/**
 * Turns of answers between ranks in memory: stages add one to the newest token, so the text counts up however the plan
 * cuts the model. The same turns over devices are in equivalence/answers.test.ts.
 */
import { expect, test } from 'vitest';
import { BufferLimit } from '../../../src/errors';
import { makeMesh } from '../../../src/plan/mesh';
import { type ParallelPlan, parsePlan } from '../../../src/plan/plan';
import type { Said, Wish } from '../../../src/train/chat/continuation';
import { makeTokenizer } from '../../../src/train/data/tokenizer';
import type { RankModel } from '../../../src/train/rank/rankcontract';
import { Answering } from '../../../src/train/trainer/answering';
import type { Prepared } from '../../../src/train/trainer/prepared';
import { Questions } from '../../../src/train/trainer/questions';
import type { Requests } from '../../../src/train/trainer/requests';
import type { GenerationSetting } from '../../../src/train/trainer/setting';
import { Traffic } from '../../../src/train/trainer/traffic';
import { type MemoryTransport, memoryTransports } from '../../helpers/memory';

const LETTERS = 'abcdefghijklmnopqrstuvwxyz';
const WISH: Wish = { prompt: 'ab', length: 10, temperature: 0, topK: 0, topP: 1, seed: 1, stop: '', likely: 0 };
const CONTEXT = 6;
const model = { context: CONTEXT, vocab: LETTERS.length, dim: 1 };
const prepared = { run: { model }, corpus: { tokenizer: makeTokenizer('char', LETTERS, 0) } } as unknown as Prepared;

interface Member {
  readonly answering: Answering;
  readonly questions: Questions;
  readonly traffic: Traffic;
  readonly rank: RankModel;
  readonly transport: MemoryTransport;
  /** Stages that it has run, in order. */
  readonly ran: number[];
}

/** `trouble`: the rank whose device does not allow the caches. */
function membersOf(plan: ParallelPlan, trouble = -1): readonly Member[] {
  const transports = memoryTransports(plan.dp * plan.pp * plan.tp, { jitterMs: 1 });
  const peers = transports.map(({ self }) => self);
  const last = plan.pp * plan.chunks - 1;
  const { signal } = new AbortController();
  return transports.map((transport, index) => {
    const mesh = makeMesh(1, peers, index, plan);
    const setting = { plan, mesh, transport, signal } as unknown as GenerationSetting;
    const questions = new Questions();
    const requests = { question: () => questions.open } as unknown as Requests;
    const traffic = new Traffic(transport, peers);
    const ran: number[] = [];
    const speaker: Awaited<ReturnType<RankModel['speaker']>> = {
      atRest: async () => {},
      run: async (stage, input, first, wantsLogits) => {
        expect(mesh.stageRank(stage)).toBe(index);
        expect(first + input.length).toBeLessThanOrEqual(CONTEXT);
        ran.push(stage);
        const rows = Float32Array.from(input);
        if (stage < last) return rows;
        const next = (rows.at(-1)! + 1) % LETTERS.length;
        return wantsLogits ? Float32Array.from(LETTERS, (_, token) => (token === next ? 9 : 0)) : null;
      },
      close: () => {},
    };
    const rank = {
      speaker: async () => {
        if (index === trouble) throw new BufferLimit('a buffer of 9 MB > 1 MB', 1e6);
        return speaker;
      },
    } as unknown as RankModel;
    const answering = new Answering(setting, requests, traffic);
    return { answering, questions, traffic, rank, transport, ran };
  });
}

/** Step borders until nobody has a question any more; every rank takes part in every border. */
async function train(members: readonly Member[], steps = 200): Promise<number> {
  for (let step = 1; step <= steps; step++) {
    const votes = members.map(({ questions }) => ({ asks: questions.open !== undefined }));
    if (!votes.some(({ asks }) => asks)) return step;
    // why 0: a turn is then one token
    await Promise.all(members.map(({ answering, rank }) => answering.turn(votes, { prepared, rank, step, stepMs: 0 })));
  }
  throw new Error('a question is still open');
}

function ask({ questions }: Member, wish: Wish = WISH) {
  const said: Said[] = [];
  const text = questions.ask(wish, (one) => said.push(one)).then(() => said.map((one) => one.text).join(''));
  // some are awaited late
  text.catch(() => {});
  return text;
}

test.each([
  {},
  { pp: 2 },
  { pp: 4, microbatches: 4 },
  { pp: 2, chunks: 2, schedule: 'interleaved', microbatches: 2 },
  { pp: 2, chunks: 2, schedule: 'zb-v', microbatches: 4 },
  { dp: 2, pp: 2 },
  { dp: 2, zero: 2 },
])('%j: every rank is answered in turn, by its own pipeline, one token at a border', async (given) => {
  const members = membersOf(parsePlan(given));
  const answers = members.map((member) => ask(member));
  const steps = await train(members);
  for (const text of await Promise.all(answers)) expect(text).toBe('cdefghijkl');
  expect(steps).toBeGreaterThan(10 * members.length);
  for (const { ran } of members) expect(ran.length).toBeGreaterThan(0);
  // of answers, not of steps
  for (const { traffic } of members) expect(traffic.take()).toBe(0);
});

test('a plan that cuts layers, and a device without room, end the question in a sentence, and all go on', async () => {
  const cut = membersOf(parsePlan({ dp: 2, tp: 2 }));
  const refused = ask(cut[3]!);
  expect(await train(cut)).toBe(2);
  await expect(refused).rejects.toThrow('the room cannot answer: under tp 2 every tab holds a slice of each layer');

  const sharded = membersOf(parsePlan({ dp: 2, zero: 3 }));
  const other = ask(sharded[0]!);
  await train(sharded);
  await expect(other).rejects.toThrow('under ZeRO-3 every tab holds one of 2 shards of each layer');

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
  const votes = [{ asks: false }, { asks: true }];
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
