import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { PlanError } from '../../../src/errors';
import { parsePlan } from '../../../src/plan/plan';
import { BUILT_IN_FILES } from '../../../src/train/data/texts.plugin';
import { applyOverrides } from '../../../src/train/overrides';
import { parseRunFile, readRunFile } from '../../../src/train/runfile';
import { prepare } from '../../../src/train/trainer/given/prepared';

const EXAMPLES = join(import.meta.dirname, '../../../examples');
const mobyDick = () => new TextEncoder().encode(BUILT_IN_FILES['texts/moby-dick.txt']!());

const CROSSED = { type: 'llama3', factor: 8, lowFrequency: 4, highFrequency: 1, originalContext: 64 };

const refusal = (file: unknown, ranks?: number): string => {
  try {
    parseRunFile(file, ranks);
  } catch (error) {
    expect(error).toBeInstanceOf(PlanError);
    return (error as Error).message;
  }
  throw new Error(`accepted ${JSON.stringify(file)}`);
};

describe('run file', () => {
  test('what is missing has a neutral default', () => {
    const { model, data, train, plan } = parseRunFile({});
    expect(model).toMatchObject({ arch: 'gpt2', layers: 2, heads: 4, kvHeads: 4, dim: 64, hidden: 256, context: 64 });
    expect(model).toMatchObject({ vocab: 0, tieEmbeddings: true, ropeTheta: 10000 });
    expect(data).toEqual({ source: 'moby-dick', tokenizer: 'char', order: 'shuffled' });
    expect(train).toEqual({
      globalBatch: 16,
      steps: 600,
      lr: 1e-3,
      schedule: 'constant',
      warmupSteps: 0,
      minLr: 0,
      betas: [0.9, 0.95],
      eps: 1e-8,
      weightDecay: 0.1,
      gradClip: 1,
      seed: 1,
      evalEvery: 50,
      matmulPrecision: 'f32',
    });
    expect(plan).toMatchObject({ dp: 1, pp: 1, tp: 1, zero: 0, schedule: '1f1b', microbatches: 1, wire: 'f32' });
  });

  test('the run without a file has 109,504 parameters', async () => {
    const file = readFileSync(join(EXAMPLES, 'default.json'), 'utf8');
    const { run, floats } = await prepare(readRunFile(file), mobyDick());
    expect(run.model.vocab).toBe(83);
    expect(floats).toBe(109_504);
  });

  test.each(readdirSync(EXAMPLES).filter((name) => name.endsWith('.json') && name !== 'plans.json'))(
    'examples/%s is a run file',
    (name) => {
      const run = readRunFile(readFileSync(join(EXAMPLES, name), 'utf8'));
      expect(run.train.steps).toBeGreaterThan(0);
    },
  );

  test('examples/plans.json is a list of plans', () => {
    const plans: unknown[] = JSON.parse(readFileSync(join(EXAMPLES, 'plans.json'), 'utf8'));
    expect(plans.length).toBeGreaterThan(1);
    for (const plan of plans) expect(parsePlan(plan)).toMatchObject(plan as object);
  });

  test('a plan without dp takes all ranks; a stated dp is held against them', () => {
    expect(parseRunFile({}, 3).plan.dp).toBe(3);
    expect(parseRunFile({ plan: { pp: 2, schedule: 'gpipe' } }, 4).plan.dp).toBe(2);
    expect(refusal({ plan: { dp: 2 } }, 3)).toContain('2 ranks, but 3 take part');
    expect(refusal({ plan: { pp: 2 } }, 3)).toContain('3 take part');
  });

  test.each([
    [{ modle: {} }, 'modle is not a field'],
    [{ model: { headz: 3 } }, 'model.headz is not a field; the fields are arch, layers, heads'],
    [{ train: { betas: [0.9] } }, 'train.betas'],
    [{ train: { betas: [0.9, 2] } }, 'train.betas.1 is 2'],
    [{ model: { layers: 1.5 } }, 'model.layers is 1.5; it must be an integer from 1 to 512'],
    [{ model: { dim: '64' } }, 'model.dim is "64"'],
    [{ model: { heads: 5 } }, 'model.dim 64 mod model.heads 5 = 4'],
    [{ model: { dim: 512, heads: 2 } }, 'model.dim 512 / model.heads 2 = 256 > 128'],
    [{ model: { kvHeads: 2 } }, 'model.kvHeads 2 != model.heads 4'],
    [{ model: { arch: 'llama', kvHeads: 3 } }, 'model.heads 4 mod model.kvHeads 3 = 1'],
    [{ model: { arch: 'llama', dim: 60 } }, 'head size must be even'],
    [{ model: { vocab: 2000000 } }, 'model.vocab is 2000000'],
    [{ model: { headSize: 8 } }, 'model.headSize is for llama'],
    [{ model: { qkvBias: false } }, 'model.qkvBias is for llama'],
    [{ model: { arch: 'llama', headSize: 7 } }, 'model.headSize 7: llama rotates pairs'],
    [{ model: { arch: 'llama', activation: 'relu' } }, 'model.activation relu is for gpt2'],
    [{ model: { activation: 'silu' } }, 'model.activation is "silu"; it must be one of gelu-tanh, gelu, relu'],
    [{ model: { normEps: 0 } }, 'model.normEps is 0'],
    [{ model: { arch: 'llama', ropeScaling: { type: 'yarn', factor: 2 } } }, 'model.ropeScaling'],
    [{ model: { arch: 'llama', ropeScaling: { type: 'linear', factor: 2, low: 1 } } }, 'model.ropeScaling.low'],
    [{ model: { arch: 'llama', ropeScaling: CROSSED } }, 'lowFrequency 4 >= highFrequency 1'],
    [{ data: { source: 'shakespeare' } }, 'data.source is "shakespeare"; it must be moby-dick'],
    [{ data: { sha256: 'AB' } }, 'data.sha256 is "AB"; it must be 64 hex digits'],
    [{ data: { source: 'tokens:/x' } }, 'model.vocab must be given'],
    [{ train: { minLr: 1 } }, 'train.minLr 1 > train.lr 0.001'],
    [{ train: { globalBatch: 3 }, plan: { dp: 4 } }, 'train.globalBatch 3 < plan.dp 4 x plan.microbatches 1'],
    [{ train: { globalBatch: 8 }, plan: { dp: 2, microbatches: 8 } }, '= 16'],
    [{ train: { lr: null } }, 'train.lr is null'],
    [{ train: { matmulPrecision: 'bf16' } }, 'train.matmulPrecision is "bf16"; it must be one of f32, f16'],
    [{ plan: { zero: 4 } }, 'plan.zero is 4'],
    [{ plan: 3 }, 'plan must be an object'],
    [[], 'the run file must be an object'],
    [null, 'the run file must be an object'],
    [JSON.parse('{"__proto__": {"x": 1}}'), '__proto__ is not a field'],
    [JSON.parse('{"model": {"__proto__": {"layers": 1}}}'), 'model.__proto__ is not a field'],
  ])('refuses %j', (file, sentence) => {
    expect(refusal(file)).toContain(sentence);
  });

  test('text that is no JSON is refused', () => {
    expect(() => readRunFile('{ model: }')).toThrow(PlanError);
    expect(readRunFile('{"train": {"steps": 7}}').train.steps).toBe(7);
  });

  test('llama takes its own defaults', () => {
    const { model } = parseRunFile({ model: { arch: 'llama', kvHeads: 2 } });
    expect(model).toMatchObject({ kvHeads: 2, hidden: 176 });
  });
});

describe('overrides', () => {
  test('values are typed, sections are made, the file is not touched', () => {
    const file = { train: { steps: 5 } };
    const changed = applyOverrides(file, [
      'train.steps=50',
      'train.lr=1e-3',
      'data.source=names',
      'model.tieEmbeddings=false',
      'train.betas=[0.8,0.9]',
      'plan.dp=2',
    ]);
    expect(changed).toEqual({
      train: { steps: 50, lr: 1e-3, betas: [0.8, 0.9] },
      data: { source: 'names' },
      model: { tieEmbeddings: false },
      plan: { dp: 2 },
    });
    expect(file).toEqual({ train: { steps: 5 } });
    expect(parseRunFile(changed).plan.dp).toBe(2);
  });

  test.each(['train.steps', 'train..steps=1', '=1', 'train.steps.deep=1'])('refuses %s', (override) => {
    expect(() => applyOverrides({ train: { steps: 1 } }, [override])).toThrow(PlanError);
  });

  test('names of the prototype are only foreign fields', () => {
    const changed = applyOverrides({}, ['constructor.prototype.bad=1', '__proto__.bad=1'].slice(0, 1));
    expect(refusal(changed)).toContain('constructor is not a field');
    expect(Object.hasOwn(Object.prototype, 'bad')).toBe(false);
    expect(refusal(applyOverrides({}, ['train.toString=1']))).toContain('train.toString is not a field');
  });
});
