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
import { parseRunFile } from '../../../src/train/runfile';
import { seedElements, stateFrom } from '../../../src/train/state/elements';
import { wholeModel } from '../../../src/train/state/holding';
import { holdingUnder } from '../../../src/train/state/sync';
import { Answering } from '../../../src/train/trainer/answers/answering';
import { Questions } from '../../../src/train/trainer/asked/questions';
import type { Requests } from '../../../src/train/trainer/asked/requests';
import type { Prepared } from '../../../src/train/trainer/given/prepared';
import type { GenerationSetting } from '../../../src/train/trainer/given/setting';
import { Traffic } from '../../../src/train/trainer/given/traffic';
import { type MemoryTransport, memoryTransports } from '../../helpers/memory';

const LETTERS = 'abcdefghijklmnopqrstuvwxyz';
const WISH: Wish = { prompt: 'ab', length: 10, temperature: 0, topK: 0, topP: 1, seed: 1, stop: '', likely: 0 };
const CONTEXT = 6;
const { model } = parseRunFile({ model: { layers: 2, heads: 2, dim: 8, context: CONTEXT, vocab: LETTERS.length } });
const SEED = 3;
const prepared = { run: { model }, corpus: { tokenizer: makeTokenizer('char', LETTERS, 0) } } as unknown as Prepared;

interface Member {
  readonly answering: Answering;
  readonly questions: Questions;
  readonly traffic: Traffic;
  readonly rank: RankModel;
  readonly transport: MemoryTransport;
  /** Stages that it has run, in order. */
  readonly ran: number[];
  /** How often it got buffers for answers, and gave them back. */
  readonly opened: { count: number; closed: number };
  /** Copies of parameters that it got, by address. */
  readonly copied: Map<number, number>;
}

/** `trouble`: the rank whose device does not allow the caches. */
function membersOf(plan: ParallelPlan, trouble = -1): readonly Member[] {
  const transports = memoryTransports(plan.dp * plan.pp * plan.tp, { jitterMs: 1 });
  const peers = transports.map(({ self }) => self);
  const { signal } = new AbortController();
  return transports.map((transport, index) => {
    const mesh = makeMesh(1, peers, index, plan);
    const setting = { plan, mesh, transport, signal } as unknown as GenerationSetting;
    const questions = new Questions();
    const requests = { question: () => questions.open } as unknown as Requests;
    const traffic = new Traffic(transport, peers);
    const ran: number[] = [];
    const opened = { count: 0, closed: 0 };
    const copied = new Map<number, number>();
    const holding = holdingUnder(model, { plan, rank: index });
    const state = stateFrom(seedElements(model, SEED), holding);
    let last = new Set<number>();
    const speaker: Awaited<ReturnType<RankModel['speaker']>> = {
      atRest: async () => {},
      run: async (stage, input, first, wantsLogits) => {
        const count = stage === 0 ? input.length : input.length / model.dim;
        expect(first + count).toBeLessThanOrEqual(CONTEXT);
        ran.push(stage);
        const rows =
          stage === 0
            ? Float32Array.from({ length: count * model.dim }, (_, i) => input[Math.floor(i / model.dim)]!)
            : (input as Float32Array);
        if (!last.has(stage)) return rows;
        const next = (rows.at(-1)! + 1) % LETTERS.length;
        return wantsLogits ? Float32Array.from(LETTERS, (_, token) => (token === next ? 9 : 0)) : null;
      },
      write(unit, name, at, values) {
        const param = wholeModel(model).find((one) => one.unit === unit && one.name === name)!;
        for (const [i, value] of values.entries()) copied.set(param.at + at + i, value);
      },
      close: () => opened.closed++,
    };
    const rank = {
      speaker: async (stages) => {
        opened.count++;
        if (index === trouble) throw new BufferLimit('a buffer of 9 MB > 1 MB', 1e6);
        last = new Set(stages.filter((one) => one.last === model.layers + 1).map(({ stage }) => stage));
        return speaker;
      },
      readPart: async (_, unit, at, floats) => (await state).param.get(unit)!.slice(at, at + floats),
    } as Partial<RankModel> as RankModel;
    const answering = new Answering(setting, requests, traffic);
    return { answering, questions, traffic, rank, transport, ran, opened, copied };
  });
}

/** Step borders until nobody has a question any more; every rank takes part in every border. */
async function train(members: readonly Member[], steps = 200): Promise<number> {
  for (let step = 1; step <= steps; step++) {
    const votes = members.map(({ questions }) => ({ asks: questions.open !== undefined, listens: false }));
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
