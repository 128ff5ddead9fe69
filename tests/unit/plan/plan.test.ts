import { describe, expect, test } from 'vitest';
import { PlanError } from '../../../src/errors';
import { parsePlan } from '../../../src/plan/plan';
import { validatePlan } from '../../../src/plan/rules';
import { FACTS, PYTORCH_GRID } from './helpers';

describe('parsePlan', () => {
  test('fills in one rank, 1f1b and the least that the schedule takes', () => {
    expect(parsePlan({})).toEqual({
      dp: 1,
      pp: 1,
      tp: 1,
      zero: 0,
      schedule: '1f1b',
      chunks: 1,
      microbatches: 1,
      recompute: false,
      wire: 'f32',
    });
    expect(parsePlan({ pp: 4, schedule: 'zb-v' })).toMatchObject({ chunks: 2, microbatches: 4 });
    expect(parsePlan({ outer: { every: 5, lr: 0.7, momentum: 0.9 } }).outer).toEqual({
      every: 5,
      lr: 0.7,
      momentum: 0.9,
    });
  });

  test('reads its own output', () => {
    const plan = parsePlan({
      dp: 2,
      pp: 2,
      zero: 1,
      schedule: 'gpipe',
      recompute: true,
      shares: [5, 3],
      stageUnits: [3, 2],
    });
    expect(parsePlan(JSON.parse(JSON.stringify(plan)))).toEqual(plan);
  });

  test.each([
    [null, 'plan must be an object'],
    [[], 'plan must be an object'],
    [{ ddp: 2 }, 'plan.ddp is not a field'],
    [{ dp: 0 }, 'plan.dp is 0'],
    [{ pp: 1.5 }, 'plan.pp is 1.5'],
    [{ tp: '2' }, 'plan.tp is "2"'],
    [{ zero: 4 }, 'plan.zero is 4; it must be one of 0, 1, 2, 3'],
    [{ schedule: 'pipedream' }, 'plan.schedule is "pipedream"'],
    [{ recompute: 1 }, 'plan.recompute is 1'],
    [{ wire: 'f64' }, 'plan.wire is "f64"'],
    [{ shares: 4 }, 'plan.shares is 4; it must be a list of 1 to 256 numbers'],
    [{ shares: [] }, 'plan.shares is []'],
    [{ shares: Array(257).fill(1) }, 'it must be a list of 1 to 256 numbers'],
    [{ shares: [3, 0] }, 'plan.shares.1 is 0'],
    [{ shares: [3, 1.5] }, 'plan.shares.1 is 1.5'],
    [{ stageUnits: ['3'] }, 'plan.stageUnits.0 is "3"'],
    [{ placement: 'outside' }, 'plan.placement is "outside"; it must be one of inside, across'],
    [{ outer: { lr: 0.7 } }, 'plan.outer.every is missing'],
    [{ outer: { every: 5, lr: 0.7, momentum: 2 } }, 'from 0 to 1'],
    [{ outer: { every: 5, lr: 0.7, momentum: 0, nesterov: true } }, 'plan.outer.nesterov is not a field'],
  ])('refuses %j', (value, sentence) => {
    expect(() => parsePlan(value)).toThrow(PlanError);
    expect(() => parsePlan(value)).toThrow(sentence);
  });
});

describe('validatePlan', () => {
  const refused = (plan: object, facts: object = {}) => {
    const parsed = parsePlan(plan);
    const ranks = parsed.dp * parsed.pp * parsed.tp;
    return expect(() => validatePlan(parsed, { ...FACTS, ranks, ...facts }));
  };

  test.each([
    [{ dp: 2, pp: 2 }, { ranks: 3 }, 'plan.dp 2 x plan.pp 2 x plan.tp 1 = 4 ranks, but 3 take part'],
    [{ dp: 3, microbatches: 3 }, { globalBatch: 8 }, 'train.globalBatch 8 < plan.dp 3 x plan.microbatches 3 = 9'],
    [{ tp: 3 }, {}, 'model.heads 8 mod plan.tp 3 = 2'],
    [{ tp: 2 }, { kvHeads: 3 }, 'model.kvHeads 3 and plan.tp 2'],
    [{ tp: 4 }, { hidden: 66 }, 'model.hidden 66 mod plan.tp 4 = 2'],
    [{ pp: 4, chunks: 3, schedule: 'interleaved' }, {}, 'plan.pp 4 x plan.chunks 3 = 12 stages > model.layers 8 + 2'],
    [{ zero: 1, outer: { every: 5, lr: 0.7, momentum: 0.9 } }, {}, 'plan.outer with plan.zero 1 > 0'],
    [{ outer: { every: 5, fragments: 2 } }, {}, 'plan.outer.every 5 mod plan.outer.fragments 2 = 1'],
    [{ dp: 3, shares: [4, 4] }, { globalBatch: 8 }, 'plan.shares has 2 shares for plan.dp 3 replicas'],
    [{ dp: 2, shares: [4, 5] }, { globalBatch: 8 }, 'plan.shares 4 + 5 = 9, but train.globalBatch is 8'],
    [{ dp: 2, microbatches: 2, shares: [7, 1] }, { globalBatch: 8 }, 'a share of 1 < plan.microbatches 2'],
    [{ pp: 2, stageUnits: [10] }, {}, 'plan.stageUnits has 1 stages, but plan.pp 2 x plan.chunks 1 = 2'],
    [{ pp: 2, stageUnits: [5, 6] }, {}, 'plan.stageUnits 5 + 6 = 11 units, but the model has model.layers 8 + 2'],
    [{ wire: 'int4' }, {}, 'plan.wire int4 without plan.outer'],
    [{ dp: 2, zero: 2, overlap: false }, { ranks: 2 }, 'plan.overlap false with plan.zero 2'],
    [{ dp: 4, perMachine: 3 }, {}, 'plan.perMachine 3 with plan.dp 4'],
    [{ dp: 2, perMachine: 2 }, { ranks: 2 }, 'plan.perMachine 2 with plan.dp 2'],
    [{ dp: 4, perMachine: 2, zero: 1 }, {}, 'zero 1, wire f32: only whole replicas'],
    [{ dp: 2, placement: 'across' }, { ranks: 2 }, 'plan.placement across with plan.tp 1'],
    [
      { tp: 2, pp: 2, placement: 'across', stageUnits: [3, 3] },
      { layers: 4 },
      'plan.placement across with plan.stageUnits',
    ],
  ])('refuses %j with the inequality and its numbers', (plan, facts, sentence) => {
    refused(plan, facts).toThrow(sentence);
  });

  test('pipeline shapes are refused as PyTorch refuses them', () => {
    refused({ pp: 4, microbatches: 3 }).toThrow('plan.microbatches 3 < plan.pp 4: 1f1b');
    refused({ pp: 4, microbatches: 3, schedule: 'eager-1f1b' }).toThrow('plan.microbatches 3 < plan.pp 4');
    refused({ pp: 4, microbatches: 3, schedule: 'gpipe' }).not.toThrow();
    for (const [chunks, microbatches, pp] of PYTORCH_GRID) {
      const v = refused({ pp, chunks, microbatches, schedule: 'zb-v' }, { layers: 254, globalBatch: 128 });
      if (chunks === 2) v.not.toThrow();
      else v.toThrow(`plan.chunks ${chunks} > 2: zb-v`);
    }
    refused({ pp: 2, schedule: 'zb-v', chunks: 1 }).toThrow('plan.chunks 1 < 2: zb-v');
    refused({ pp: 2, schedule: 'zb-v', chunks: 3 }).toThrow('plan.chunks 3 > 2: zb-v');
    refused({ pp: 2, schedule: 'gpipe', chunks: 2 }).toThrow('plan.chunks 2 > 1: gpipe');
    refused({ pp: 2, schedule: 'interleaved', chunks: 1 }).toThrow('plan.chunks 1 < 2: interleaved');
  });

  test.each(PYTORCH_GRID)(
    'interleaved and zero bubble take %i chunks, %i microbatches, pp %i',
    (chunks, microbatches, pp) => {
      const facts = { layers: 254, globalBatch: 128 };
      refused({ pp, chunks, microbatches, schedule: 'interleaved' }, facts).not.toThrow();
      refused({ pp, chunks, microbatches, schedule: 'zb-h1' }, facts).not.toThrow();
    },
  );

  test('rounds of unequal length are refused', () => {
    const sentence = 'plan.microbatches 9 mod 2 rounds';
    refused({ pp: 4, chunks: 2, microbatches: 9, schedule: 'interleaved' }).toThrow(sentence);
    refused({ pp: 4, chunks: 2, microbatches: 9, schedule: 'interleaved' }).toThrow('take 12 microbatches');
    refused({ pp: 4, microbatches: 9, schedule: 'zb-h1' }).toThrow(sentence);
  });

  test('key/value heads may be fewer than tp when they divide it', () => {
    refused({ tp: 8 }, { kvHeads: 2 }).not.toThrow();
    refused({ tp: 8 }, { kvHeads: 8 }).not.toThrow();
  });
});
