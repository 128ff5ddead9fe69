/** The text of continue_torch.py. That it trains as we do is shown by e2e/continuetorch.test.ts, where PyTorch is there. */
import { describe, expect, test } from 'vitest';
import { torchScript } from '../../../src/cli/torch/script';
import { samplesOf } from '../../../src/train/data/data';
import { parseRunFile } from '../../../src/train/runfile';
import { learningRate } from '../../../src/train/trainer/given/learningrate';
import { lacksPython, python } from '../../helpers/python';

const GPT2 = { layers: 4, heads: 4, dim: 16, context: 8, vocab: 50 };
const TRAIN = { globalBatch: 8, steps: 30, schedule: 'cosine', warmupSteps: 5, minLr: 1e-4, seed: 4_000_000_000 };
const textOf = (plan: object = {}, model: object = GPT2, data: object = {}, train: object = {}) => {
  const run = parseRunFile({ model, data: { source: 'tokens:x', ...data }, train: { ...TRAIN, ...train }, plan });
  return torchScript(run, 2, run.data.order === 'shuffled' ? 900 : 1000).text;
};

const LLAMA = { ...GPT2, arch: 'llama', kvHeads: 2, qkvBias: true, headSize: 6, tieEmbeddings: false };
const PLANS = {
  one: {},
  ddp: { dp: 2 },
  fsdp: { dp: 2, zero: 2 },
  pp: { pp: 2, microbatches: 4 },
  loop: { pp: 2, chunks: 2, schedule: 'interleaved', microbatches: 2 },
  tp: { tp: 2, recompute: true },
  all: { dp: 2, pp: 2, tp: 2, zero: 1, microbatches: 2 },
};
const everyText = Object.values(PLANS).flatMap((plan) => [textOf(plan), textOf(plan, LLAMA)]);

test('has what its plan uses and nothing else', () => {
  const uses = (plan: object) =>
    ['DistributedDataParallel', 'fully_shard(', 'PipelineStage(', 'parallelize_module('].filter((name) =>
      textOf(plan).includes(name),
    );
  expect(Object.values(PLANS).map(uses)).toEqual([
    [],
    ['DistributedDataParallel'],
    ['fully_shard('],
    ['PipelineStage('],
    ['PipelineStage('],
    ['parallelize_module('],
    ['fully_shard(', 'PipelineStage(', 'parallelize_module('],
  ]);
  for (const text of everyText) expect(text).not.toMatch(/#\?|@[A-Z]+@|undefined/);
});

test('stages and shares are those of the plan', () => {
  expect(textOf({ dp: 2, shares: [5, 3] })).toContain('SHARES = [5, 3]');
  expect(textOf({ pp: 2, stageUnits: [2, 4] })).toContain('STAGES = [[0, 1], [2, 5]]');
  expect(textOf(PLANS.pp)).toContain('STAGES = [[0, 2], [3, 5]]');
  expect(textOf(PLANS.loop)).toContain('STAGE_RANKS = [0, 1, 0, 1]');
});

test('what torch cannot go on with exactly is refused with the numbers', () => {
  expect(() => textOf({ tp: 4 }, LLAMA)).toThrow('model.kvHeads 2 mod plan.tp 4 = 2');
  expect(() => textOf({ pp: 2, microbatches: 3 })).toThrow('8 samples of a replica mod plan.microbatches 3 = 2');
  expect(() => textOf({ dp: 2, outer: { every: 5 } })).toThrow('plan.outer');
  expect(() => textOf({}, GPT2, {}, { matmulPrecision: 'f16' })).toThrow('train.matmulPrecision f16');
  const chats = { source: 'file:x.jsonl', chat: 'chatml' };
  expect(() => textOf({}, GPT2, chats)).toThrow('data.chat chatml trains on answers only');
  const run = parseRunFile({ model: GPT2, data: { source: 'tokens:x' }, plan: { pp: 2, schedule: 'zb-h1' } });
  expect(torchScript(run, 2, run.data.order === 'shuffled' ? 900 : 1000).notes).toEqual([
    'torch has no schedule zb-h1: the script runs 1F1B, with the same numbers.',
  ]);
});

/** First tokens of samples in a text of 1,000 tokens, by hand from the murmur3 finalizer. */
const STARTS = {
  shuffled: [771, 21, 431, 210, 316, 847],
  sequential: [0, 56, 64, 120, 888, 528],
};
const ASKED = [
  [0, 0],
  [0, 7],
  [1, 0],
  [1, 7],
  [29, 3],
  [1000, 2],
];

describe('data and schedule', () => {
  test.each(['shuffled', 'sequential'] as const)('%s: our order is the golden list', (order) => {
    const { startOf } = samplesOf(new Uint16Array(1000), { ...TRAIN, order, context: 8 });
    expect(ASKED.map(([step, sample]) => startOf(step!, sample!))).toEqual(STARTS[order]);
  });

  describe.skipIf(lacksPython([]))('in Python', () => {
    test('every text compiles', () => {
      const check = 'import json, sys\nfor text in json.load(sys.stdin): compile(text, "continue_torch.py", "exec")';
      expect(python(check, JSON.stringify(everyText))).toBe('');
    });

    test.each(['shuffled', 'sequential'] as const)('%s: the order of samples and the rates are ours', (order) => {
      const text = textOf({}, GPT2, { order });
      const part = (from: string, to: string) => text.slice(text.indexOf(from), text.indexOf(to));
      const code = `import json, math, sys
${part('MODEL = ', 'STAGES =')}${part('CONTEXT, BATCH', 'HEAD =')}${part('def mix', 'def microbatches')}${part('def learning_rate', '# ---- the state')}
asked = json.load(sys.stdin)
print(json.dumps([[start_of(*one) for one in asked], [learning_rate(step) for step in range(30)]]))`;
      const [starts, rates] = JSON.parse(python(code, JSON.stringify(ASKED))) as [number[], number[]];
      expect(starts).toEqual(STARTS[order]);
      const { train } = parseRunFile({ model: GPT2, data: { source: 'tokens:x' }, train: TRAIN });
      for (const [step, rate] of rates.entries()) expect(rate).toBeCloseTo(learningRate(train, step), 15);
    });
  });
});
