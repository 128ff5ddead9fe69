/** The largest share that the memory of a device holds: as the memory plan of a run with that share says. */
import { expect, test } from 'vitest';
import { unitSizes } from '../../../src/model/model';
import { parsePlan } from '../../../src/plan/plan';
import { programsOf } from '../../../src/plan/simulate';
import { totalOf } from '../../../src/plan/sizes';
import { instanceOptions } from '../../../src/train/rank/instanceoptions';
import { memoryPlan } from '../../../src/train/rank/memoryplan';
import { mostSamplesOf } from '../../../src/train/rank/mostsamples';
import { residencyOf } from '../../../src/train/rank/residency';
import { parseRunFile } from '../../../src/train/runfile';

const GLOBAL_BATCH = 26;

test.each([1, 3])(
  'with %i microbatches a limit holds as many samples as the memory plan allows, whole microbatches',
  (microbatches) => {
    const { model, train } = parseRunFile({
      model: { layers: 2, heads: 4, dim: 32, context: 16, vocab: 65 },
      train: { globalBatch: GLOBAL_BATCH },
    });
    const plan = parsePlan({ dp: 2, microbatches });
    const bytesAt = (share: number) =>
      totalOf(memoryPlan({ model, train, plan: { ...plan, shares: [share, GLOBAL_BATCH - share] } })[0]!);
    const units = unitSizes(model, 2);
    const residency = residencyOf(programsOf(plan, units)[0]!, plan, units);
    const coord = { dp: 0, pp: 0, tp: 0 };
    const most = (limitBytes: number, maxBufferBytes = 1e12) =>
      mostSamplesOf(
        GLOBAL_BATCH,
        microbatches,
        (rows) => ({ ...instanceOptions({ model, plan, coord, rows, residency }), limitBytes }),
        maxBufferBytes,
      );
    for (const share of [3, 6, 12, 21]) {
      expect(most(bytesAt(share))).toBe(share);
      expect(most(bytesAt(share) - 1)).toBe(share - microbatches);
    }
    expect(most(1e12)).toBe(GLOBAL_BATCH);
    expect(most(1)).toBe(0);
    expect(most(1e12, 1)).toBe(0);
  },
);
