/** `npm run plan -- --check`: three figures of every plan side by side, and a verdict that one byte changes. No device. */
import { expect, test } from 'vitest';
import { checkMemoryPlans } from '../../../src/cli/planning/memorycheck';
import { readQuestion } from '../../../src/cli/planning/plantable';
import { PlanError } from '../../../src/errors';
import type { PlannedMemory } from '../../../src/plan/sizes';
import { memoryPlan } from '../../../src/train/rank/memoryplan';
import type { RunFile } from '../../../src/train/runfile';

const file = JSON.stringify({
  model: { layers: 2, heads: 2, dim: 8, context: 4, vocab: 11 },
  train: { globalBatch: 4 },
  plan: { dp: 64 },
});
const question = readQuestion(['run.json', '--ranks', '2'], () => file);
const allocator = (of: (run: RunFile) => readonly PlannedMemory[]) => ({
  adapter: 'a device',
  allocate: async (run: RunFile) => of(run),
});

test('figures that agree', async () => {
  const { text, agrees } = await checkMemoryPlans(question, allocator(memoryPlan));
  expect(agrees).toBe(true);
  const lines = text.split('\n');
  expect(lines[0]).toMatch(/^plan +mb +rank +bytes +param +grad +moment +saved +scratch +total$/);
  expect(lines[1]).toMatch(/^tp 2 +1 +\d +predicted( +\d+){6}$/);
  expect(lines[2]).toMatch(/^ +planned( +\d+){6}$/);
  expect(lines[3]).toMatch(/^ +allocated( +\d+){6}$/);
  for (const name of ['ZeRO-3, recompute', 'pp 2 (zb-v)', 'tp 2']) expect(text).toContain(`\n${name} `);
  expect(lines.at(-1)).toMatch(
    /^\d+ plans on 2 ranks, allocated on a device: predicted, planned and allocated bytes are the same\.$/,
  );
});

test('four bytes more on one rank of one plan', async () => {
  const odd = ({ plan, ...run }: RunFile) =>
    memoryPlan({ ...run, plan }).map((memory, rank) =>
      plan.tp === 2 && plan.microbatches === 2 && !plan.recompute && rank === 1
        ? { ...memory, scratch: memory.scratch + 4 }
        : memory,
    );
  const { text, agrees } = await checkMemoryPlans(question, allocator(odd));
  expect(agrees).toBe(false);
  expect(text.split('\n').filter((line) => line.endsWith('differs')).length).toBe(3);
  expect(text).toMatch(/: of 1 plan they differ\.$/);
});

test('a plan that the device cannot hold is named and not counted', async () => {
  const refusing = ({ plan, ...run }: RunFile) => {
    if (plan.dp > 1) throw new PlanError('buffer param/0 is too large');
    return memoryPlan({ ...run, plan });
  };
  const { text, agrees } = await checkMemoryPlans(question, allocator(refusing));
  expect(agrees).toBe(true);
  expect(text).toContain('ZeRO-1 (1 microbatches) was not allocated: buffer param/0 is too large');
  const none = await checkMemoryPlans(
    question,
    allocator(() => {
      throw new PlanError('too large');
    }),
  );
  expect(none.agrees).toBe(false);
});
