/** LoRA without a device: what is trained, PEFT's names and merged weights, and what is refused. */
import { describe, expect, test } from 'vitest';
import { unitSizes } from '../../../src/model/model';
import { Adapters, adapterAddresses, adaptersIn, hasAdapters, placedAdapters } from '../../../src/train/files/adapters';
import { readSafetensors } from '../../../src/train/files/safetensors';
import { placedTensors } from '../../../src/train/files/weights';
import { memoryPlan } from '../../../src/train/rank/memoryplan';
import { parseRunFile, type RunFile } from '../../../src/train/runfile';
import { seedElements } from '../../../src/train/state/elements';
import { holdingUnder, SINGLE } from '../../../src/train/state/sync';
import { LORA_CASES, loraRun, loraStart } from '../../helpers/lora';

/** The same run of the whole model. */
function withoutLora({ model: { lora: _, ...model }, train: { lora: __, ...train }, ...others }: RunFile): RunFile {
  return parseRunFile({ ...others, model, train });
}

describe.each(Object.entries(LORA_CASES))('%s', (_, one) => {
  const run = loraRun(one, {});
  const { model } = run;
  const { param, moment } = holdingUnder(model, SINGLE);
  const sizeOf = (held: readonly { from: number; to: number }[]) =>
    held.reduce((sum, { from, to }) => sum + to - from, 0);

  test('trains the tensors that PEFT trains, and keeps moments of these only', () => {
    const tensors = placedAdapters(model).flatMap(({ a, b }) => [a, b]);
    expect(tensors.map(({ name }) => name).sort()).toEqual(one.names);
    expect(sizeOf(adapterAddresses(model))).toBe(one.trained);
    expect(moment.held).toEqual(adapterAddresses(model));
    expect(param.held).toHaveLength(1);
    const padding = 4 * (model.layers + 2);
    const trained = unitSizes(model, 1).reduce((sum, { paramFloats }) => sum + paramFloats, 0);
    expect(trained).toBeLessThanOrEqual(one.trained + padding);
    const [planned] = memoryPlan(run);
    expect(planned!.grad).toBe(4 * trained);
    expect(planned!.moment).toBe(8 * trained);
    const whole = memoryPlan(withoutLora(run));
    expect(planned!.param).toBeGreaterThan(whole[0]!.param);
    expect(planned!.grad).toBeLessThan(whole[0]!.grad / 3);
  });

  test('merged weights are w + alpha / rank (b a), piece by piece too', () => {
    if (!hasAdapters(model)) throw new Error('no adapters');
    const weights = loraStart(one, run);
    const adapters = adaptersIn(model, weights);
    const merged = weights.slice();
    adapters.merge([{ from: 0, to: merged.length }], merged);
    const [first] = placedAdapters(model);
    const [inputs, rank] = [first!.a.shape[1]!, model.lora.rank];
    // the element of input 1 and output 2
    const at = first!.from + (model.arch === 'gpt2' ? first!.columns + 2 : 2 * first!.columns + 1);
    let sum = 0;
    for (let r = 0; r < rank; r++)
      sum += weights[first!.a.from + r * inputs + 1]! * weights[first!.b.from + 2 * rank + r]!;
    expect(merged[at]).toBeCloseTo(weights[at]! + (model.lora.alpha / rank) * sum, 6);
    const piece = [
      { from: at - 3, to: at + 2 },
      { from: at + 7, to: at + 9 },
    ];
    const values = Float32Array.from(piece.flatMap(({ from, to }) => [...weights.subarray(from, to)]));
    adapters.merge(piece, values);
    expect(values).toEqual(Float32Array.from(piece.flatMap(({ from, to }) => [...merged.subarray(from, to)])));
    const norms = placedTensors(model).find(({ name }) => /norm|ln_1/.test(name))!;
    expect(merged.subarray(norms.from, norms.to)).toEqual(weights.subarray(norms.from, norms.to));
  });

  test('the files are in the layout of PEFT', () => {
    if (!hasAdapters(model)) throw new Error('no adapters');
    const files = adaptersIn(model, loraStart(one, run)).files();
    const config = JSON.parse(files['adapter/adapter_config.json']);
    expect(config).toMatchObject({ peft_type: 'LORA', r: model.lora.rank, target_modules: model.lora.targets });
    expect([...readSafetensors(files['adapter/adapter_model.safetensors']).keys()].sort()).toEqual(one.names);
  });

  test('fresh adapters change nothing: B is 0, A is not', async () => {
    if (!hasAdapters(model)) throw new Error('no adapters');
    const values = await seedElements(model, 1).read('param', adapterAddresses(model));
    const piece = [{ from: 0, to: 500 }];
    const zeros = new Float32Array(500);
    new Adapters(model, values).merge(piece, zeros);
    expect(zeros.every((value) => value === 0)).toBe(true);
    const bound = 1 / Math.sqrt(Math.min(...placedAdapters(model).map(({ a }) => a.shape[1]!)));
    expect(values.some((value) => value > bound / 2)).toBe(true);
    expect(values.every((value) => Math.abs(value) <= bound)).toBe(true);
  });
});

describe('the run file', () => {
  const read = (lora: object, plan: object = {}, model: object = {}) =>
    parseRunFile({ model, train: { lora: { rank: 2, alpha: 4, targets: ['c_attn'], ...lora } }, plan });

  test('is the same when it is read again, as peers do', () => {
    const run = read({});
    expect(run.model.lora).toEqual({ rank: 2, alpha: 4, targets: ['c_attn'] });
    expect(parseRunFile(JSON.parse(JSON.stringify(run)))).toEqual(run);
  });

  test.each([
    [
      () => read({ targets: ['q_proj'] }),
      'train.lora.targets names q_proj; the linears of a gpt2 that may have an adapter are c_attn',
    ],
    [() => read({ targets: ['c_gate'] }), 'train.lora.targets names c_gate'],
    [() => read({ targets: [] }), 'must name at least one linear'],
    [() => read({ rank: 0 }), 'train.lora.rank is 0; it must be an integer'],
    [() => read({ dropout: 0.1 }), 'train.lora'],
    [
      () => read({ targets: ['q_proj'] }, { tp: 2 }, { arch: 'llama', heads: 2, kvHeads: 1, dim: 16 }),
      'plan.tp 2 > model.kvHeads 1 with train.lora',
    ],
    [() => read({}, { dp: 2, zero: 3 }), 'plan.zero 3 with train.lora'],
    [() => read({}, { pp: 2 }), 'plan.pp 2 with train.lora and model.tieEmbeddings'],
    [() => read({}, { dp: 2, outer: { every: 2 } }), 'plan.outer with train.lora'],
    [() => read({}, {}, { lora: { rank: 1 } }), 'it follows from train.lora'],
  ])('refusal %#', (work, sentence) => {
    expect(work).toThrow(sentence);
  });
});
