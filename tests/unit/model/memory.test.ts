/** Scratch by lifetime, and the residency counted from real programs. No device. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { Instr, Tensor } from '../../../src/gpu/instr';
import { defineKernel } from '../../../src/gpu/kernel';
import { floatsIn, MemoryPlan, ScratchPool } from '../../../src/gpu/memory';
import type { ModelConfig } from '../../../src/model/config';
import { unitSizes } from '../../../src/model/model';
import { lower } from '../../../src/plan/lower';
import { makeMesh } from '../../../src/plan/mesh';
import { parsePlan } from '../../../src/plan/plan';
import { residencyOf } from '../../../src/train/rank/residency';

const kernel = defineKernel({
  file: 'test.wgsl',
  reads: ['a', 'b'],
  writes: ['out'],
  params: { n: 'u32' },
  variants: [{}],
  grid: () => [1],
});

test('tensors that are alive together never share a scratch buffer, and each fits', () => {
  const run = fc.array(fc.tuple(fc.nat(9), fc.nat(9), fc.nat(9)), { minLength: 1, maxLength: 30 });
  fc.assert(
    fc.property(run, fc.array(fc.integer({ min: 1, max: 50 }), { minLength: 10, maxLength: 10 }), (binds, sizes) => {
      const tensors = sizes.map(
        (floats, i): Tensor => ({ name: `t${i}`, shape: [floats], role: 'scratch', type: 'f32' }),
      );
      const list = binds.map(([a, b, out]): Instr => {
        return {
          do: 'run',
          kernel,
          bind: { a: tensors[a]!, b: tensors[b]!, out: tensors[out]! },
          params: {},
          knobs: {},
        };
      });
      const pool = new ScratchPool();
      const assigned = pool.assign(list, () => true);
      const uses = (tensor: Tensor) =>
        binds.flatMap((bind, at) => (bind.some((i) => tensors[i] === tensor) ? [at] : []));
      for (const [a, bufferA] of assigned) {
        expect(pool.sizes[bufferA]).toBeGreaterThanOrEqual(floatsIn(a));
        for (const [b, bufferB] of assigned) {
          if (a === b || bufferA !== bufferB) continue;
          const [ua, ub] = [uses(a), uses(b)];
          expect(ua.at(-1)! < ub[0]! || ub.at(-1)! < ua[0]!).toBe(true);
        }
      }
    }),
  );
});

test('a plan that does not fit names the parts, and the buffer a device cannot bind', () => {
  const plan = new MemoryPlan();
  plan.need('param/0', 'param', 1_000_000);
  plan.need('moment/0', 'moment', 2_000_000);
  expect(plan.bytes()).toMatchObject({ param: 4e6, moment: 8e6, grad: 0 });
  expect(() => plan.check(10e6, 1e9)).toThrow('needs 12 MB (param 4.00, moment 8.00) and its limit is 10 MB');
  expect(() => plan.check(1e9, 5e6)).toThrow('moment/0 needs 8.00 MB and this device binds at most 5.00 MB');
  plan.check(12e6, 8e6);
});

const CONFIG: ModelConfig = {
  ...{ arch: 'gpt2', layers: 2, heads: 2, kvHeads: 2, dim: 8, hidden: 16, context: 4, vocab: 10 },
  ...{ tieEmbeddings: true, ropeTheta: 10000 },
} as const;

function residency(fields: Record<string, unknown>, rank = 0) {
  const plan = parsePlan(fields);
  const units = unitSizes(CONFIG, plan.dp);
  const peers = Array.from({ length: plan.dp * plan.pp * plan.tp }, (_, i) => `p${i}`);
  return residencyOf(lower(plan, makeMesh(1, peers, rank, plan), units), plan, units);
}

test('accumulation reuses one slot; gpipe keeps every microbatch; 1f1b as many as it has in flight', () => {
  expect(residency({ microbatches: 4 }).slots).toEqual([1, 1, 1, 1]);
  expect(residency({ pp: 2, microbatches: 4, schedule: 'gpipe' }).slots).toEqual([4, 4, 0, 0]);
  expect(residency({ pp: 2, microbatches: 4, schedule: '1f1b' }).slots).toEqual([2, 2, 0, 0]);
  expect(residency({ pp: 2, microbatches: 4, schedule: '1f1b' }, 1).slots).toEqual([0, 0, 1, 1]);
});

test('border gradients are kept until W where it is a line of its own', () => {
  const joint = residency({ pp: 2, microbatches: 4, schedule: '1f1b' }, 1);
  expect([joint.split, joint.gradSlots, joint.keptSlots]).toEqual([false, [0, 0, 1, 0], [0, 0, 0, 0]]);
  const split = residency({ pp: 2, microbatches: 4, schedule: 'zb-h1' }, 1);
  expect([split.split, split.gradSlots, split.keptSlots]).toEqual([true, [0, 0, 2, 0], [0, 0, 2, 2]]);
});

test('working buffers are shared by units that never need them together', () => {
  // zero 3: one unit is computed and the next is gathered; the tied table is held through the head's forward and backward
  const { paramWork, gradWork } = residency({ dp: 2, zero: 3 });
  expect(Math.max(...paramWork) + 1).toBe(3);
  // the head adds to the table's gradient, so that one lives through the blocks' backward
  expect(gradWork[0]).not.toBe(gradWork[1]);
  expect(gradWork[1]).toBe(gradWork[2]);
  expect(residency({ dp: 2, zero: 1 })).toMatchObject({ paramWork: [], gradWork: [] });
});
