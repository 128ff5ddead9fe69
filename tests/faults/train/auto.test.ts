/**
 * A room under the plan `auto`: it measures itself while it trains, rank 0 chooses, and one press takes an approximate
 * plan. What passes take is what the trace says; links have a latency that makes exchanges expensive.
 */
import { expect, test } from 'vitest';
import type { ParallelPlan } from '../../../src/plan/plan';
import { nameOf } from '../../../src/plan/why';
import { Trace } from '../../../src/trace/trace';
import type { RankModel } from '../../../src/train/rank/rankcontract';
// why here: loading it takes longer than all steps of a run
import '../../../src/train/trainer/auto/chooser';
import { plainRanks } from '../../helpers/plainrank';
import { type Tab, TrainRoom } from '../../helpers/trainroom';

const STEPS = 120;
const PEERS = ['a', 'b'];
const RUN = {
  model: { layers: 2, heads: 2, dim: 8, hidden: 16, context: 8 },
  data: { source: 'moby-dick' },
  train: { steps: STEPS, globalBatch: 8, lr: 0.05, evalEvery: 0 },
  plan: { dp: 2 },
  auto: true,
};

/** Trains with passes of `ms` a sample; `onStep` is called with the tabs after each step of the first. */
async function train(ms: number, latencyMs: number, onStep: (tabs: readonly Tab[], step: number) => void = () => {}) {
  const room = new TrainRoom(RUN, PEERS, { latencyMs });
  const asked: ParallelPlan[] = [];
  const tabs: Tab[] = PEERS.map((peer): Tab => {
    const make = plainRanks();
    return room.start(peer, {
      trace: new Trace(),
      // why nothing comes of it: ranks of plain numbers are data parallel only
      balancing: { ask: (plan) => asked.push(plan) },
      makeRank: async (setting): Promise<RankModel> => {
        const rank = await make(setting);
        return {
          ...rank,
          runStep: async (input) => {
            const units = [0, 1, 2, 3];
            for (const [name, unit] of [
              ...units.map((u) => ['F', u] as const),
              ...units.map((u) => ['B', u] as const),
            ]) {
              const t0 = performance.now();
              const pass = { step: input.step, rank: setting.mesh.rank, lane: 'gpu', name, unit, mb: 0 } as const;
              setting.trace.emit({ ...pass, t0, t1: t0 + 4 * ms * (name === 'B' ? 2 : 1) });
            }
            const outcome = await rank.runStep(input);
            if (setting.mesh.rank === 0) onStep(tabs, input.step);
            return outcome;
          },
        };
      },
    });
  });
  room.declare(PEERS);
  await Promise.all(tabs.map(({ trainer }) => trainer.finished));
  await new Promise((resolve) => setImmediate(resolve));
  return { asked, tabs };
}

test('both tabs hear which plan the first one chose and why; where links are fast nothing changes', async () => {
  const { asked, tabs } = await train(1e3, 0);
  expect(asked).toEqual([]);
  const [first, second] = tabs.map(({ status }) => status!.auto!);
  expect(first!.why).toMatch(/^DDP: it fits, and .* \(2 tabs of .* samples\/s, links of \d+ Mbit\/s and .* ms\)\.$/);
  expect(second).toEqual(first);
  expect(first).toMatchObject({ offer: '', isAllowed: false });
});

test('over slow links it says what an approximate plan would bring, and one press orders it', async () => {
  let pressed = 0;
  const { asked, tabs } = await train(0.1, 5, ([first], step) => {
    if (pressed > 0 || !first!.status?.auto?.offer) return;
    pressed = step;
    first!.trainer.allow(true);
  });
  expect(pressed).toBeGreaterThan(0);
  expect(asked.map(nameOf).at(-1)).toMatch(/approximate$/);
  const [first, second] = tabs.map(({ status }) => status!.auto!);
  expect(first!.why).toContain('approximate');
  expect(first!.isAllowed).toBe(true);
  expect(second).toEqual(first);
});
