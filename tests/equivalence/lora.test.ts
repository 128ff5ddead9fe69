/** LoRA against PEFT in float64 (tests/reference/lora.py): the same losses, nothing else trained, sent or kept than adapters. */
import { describe, expect } from 'vitest';
import { adapterAddresses } from '../../src/train/files/adapters';
import { memoryPlan } from '../../src/train/rank/memoryplan';
import { textOf } from '../helpers/checkpoints';
import { trainCluster } from '../helpers/cluster';
import { gpuTest, useGpu } from '../helpers/gpu';
import { LORA_CASES, loraRun, loraStart } from '../helpers/lora';

useGpu();

/** Ten steps of float32 and AdamW against float64. */
const LOSS = 1e-5;
const NORM = 1e-4;

const PLANS: Readonly<Record<string, readonly object[]>> = {
  gpt2: [
    {},
    { tp: 3 },
    { dp: 2 },
    { dp: 2, zero: 1 },
    { dp: 4, zero: 2 },
    { dp: 2, zero: 2, microbatches: 2, recompute: true },
  ],
  'gpt2-all': [
    {},
    { dp: 3 },
    { pp: 2, microbatches: 4 },
    { tp: 3, recompute: true },
    { dp: 2, pp: 2, microbatches: 2, schedule: 'zb-h1', zero: 1 },
  ],
  'gpt2-mlp': [{}, { dp: 2, tp: 3, zero: 1 }, { microbatches: 2, recompute: true }],
  llama: [{ microbatches: 2 }, { dp: 2 }, { dp: 2, zero: 2 }, { pp: 2, microbatches: 2, schedule: 'gpipe' }],
  'llama-heads': [{ tp: 2 }, { pp: 2, tp: 2, microbatches: 2 }],
  'llama-all': [{}, { dp: 2, zero: 1 }],
};

for (const [name, one] of Object.entries(LORA_CASES)) {
  describe(name, () => {
    for (const plan of PLANS[name]!) {
      gpuTest(`${JSON.stringify(plan)}: ten losses are PEFT's, and only adapters change`, async (device) => {
        const run = loraRun(one, plan);
        const init = loraStart(one, run);
        const { steps } = run.train;
        const got = await trainCluster(device, run, { init, text: textOf(one), steps });
        for (const [i, loss] of got.losses.entries()) {
          expect(Math.abs(loss / one.losses[i]! - 1)).toBeLessThan(LOSS);
          expect(Math.abs(got.gradNorms[i]! / one.gradNorms[i]! - 1)).toBeLessThan(NORM);
        }
        const held = adapterAddresses(run.model);
        const isTrained = (at: number) => held.some(({ from, to }) => from <= at && at < to);
        const changed = got.weights.findIndex((value, at) => value !== init[at] && !isTrained(at));
        expect(changed).toBe(-1);
        expect(held.every(({ from }) => got.weights[from] !== init[from])).toBe(true);
        const planned = memoryPlan(run);
        for (const [rank, { memory, bytesSent }] of got.ranks.entries()) {
          const { staging: _, ...roles } = memory;
          expect(roles).toEqual(planned[rank]);
          // padding of units and, for bytes, the ballots of NORM
          if (run.plan.pp === 1) {
            expect(memory.grad).toBeLessThanOrEqual(4 * (one.trained + 16 * run.plan.dp * (run.model.layers + 2)));
            expect(memory.moment).toBeLessThanOrEqual(
              2 * 4 * (one.trained + 16 * run.plan.dp * (run.model.layers + 2)),
            );
          }
          if (run.plan.pp === 1 && run.plan.tp === 1 && run.plan.dp > 1 && run.plan.microbatches === 1) {
            expect(bytesSent).toBeLessThan(4 * 2 * (one.trained + 16 * run.plan.dp * (run.model.layers + 2)) + 4096);
          }
        }
      });
    }
  });
}
