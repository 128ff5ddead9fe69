/**
 * Ranks that answer, in memory: stages add one to the newest token, so the text counts up however the plan cuts the model.
 */
import { expect } from 'vitest';
import { BufferLimit } from '../../src/errors';
import { makeMesh } from '../../src/plan/mesh';
import type { ParallelPlan } from '../../src/plan/plan';
import type { Said, Wish } from '../../src/train/chat/continuation';
import { makeTokenizer } from '../../src/train/data/tokenizer';
import type { RankModel } from '../../src/train/rank/rankcontract';
import { parseRunFile } from '../../src/train/runfile';
import { seedElements, stateFrom } from '../../src/train/state/elements';
import { wholeModel } from '../../src/train/state/holding';
import { holdingUnder } from '../../src/train/state/sync';
import { Answering } from '../../src/train/trainer/answers/answering';
import { Questions } from '../../src/train/trainer/asked/questions';
import type { Requests } from '../../src/train/trainer/asked/requests';
import type { Prepared } from '../../src/train/trainer/given/prepared';
import type { GenerationSetting } from '../../src/train/trainer/given/setting';
import { Traffic } from '../../src/train/trainer/given/traffic';
import { type MemoryTransport, memoryTransports } from './memory';

export const LETTERS = 'abcdefghijklmnopqrstuvwxyz';
export const WISH: Wish = { prompt: 'ab', length: 10, temperature: 0, topK: 0, topP: 1, seed: 1, stop: '', likely: 0 };
export const CONTEXT = 6;
export const { model } = parseRunFile({
  model: { layers: 2, heads: 2, dim: 8, context: CONTEXT, vocab: LETTERS.length },
});
export const SEED = 3;
export const prepared = {
  run: { model },
  corpus: { tokenizer: makeTokenizer('char', LETTERS, 0) },
} as unknown as Prepared;

export interface Member {
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
export function membersOf(plan: ParallelPlan, trouble = -1): readonly Member[] {
  const transports = memoryTransports(plan.dp * plan.pp * plan.tp, { jitterMs: 1 });
  const peers = transports.map(({ self }) => self);
  const { signal } = new AbortController();
  return transports.map((transport, index) => {
    const mesh = makeMesh(1, peers, index, plan);
    const setting = { plan, mesh, transport, signal } as unknown as GenerationSetting;
    const requests = { question: () => questions.open } as unknown as Requests;
    const questions = new Questions(() => answering.asked());
    const traffic = new Traffic(transport, peers);
    const ran: number[] = [];
    const opened = { count: 0, closed: 0 };
    const copied = new Map<number, number>();
    const holding = holdingUnder(model, { plan, rank: index });
    const state = stateFrom(seedElements(model, SEED), holding);
    let last = new Set<number>();
    const speaker: Awaited<ReturnType<RankModel['speaker']>> = {
      atRest: async () => {},
      arrived: async () => {},
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
export async function train(members: readonly Member[], steps = 200): Promise<number> {
  for (let step = 1; step <= steps; step++) {
    const votes = members.map(({ questions }) => ({ asks: questions.open !== undefined, listens: false }));
    if (!votes.some(({ asks }) => asks)) return step;
    // why 0: a turn is then one token
    await Promise.all(members.map(({ answering, rank }) => answering.turn(votes, { prepared, rank, step, stepMs: 0 })));
  }
  throw new Error('a question is still open');
}

export function ask({ questions }: Member, wish: Wish = WISH) {
  const said: Said[] = [];
  const text = questions.ask(wish, (one) => said.push(one)).then(() => said.map((one) => one.text).join(''));
  // some are awaited late
  text.catch(() => {});
  return text;
}
