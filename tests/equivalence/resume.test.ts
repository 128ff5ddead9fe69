/**
 * A run that goes on from what it kept: bit for bit under the same plan, to rounding under another. Real trainers, executors and
 * shards in one process; processes, kills and files are in e2e/resume.test.ts.
 */
import { expect } from 'vitest';
import { type ParallelPlan, parsePlan } from '../../src/plan/plan';
import { rankMaker } from '../../src/train/rank/rankmodel';
import type { TrainerDeps } from '../../src/train/trainer/given/setting';
import { gpu, gpuTest, useGpu } from '../helpers/gpu';
import { KeptStep } from '../helpers/memoryfile';
import { TrainRoom } from '../helpers/trainroom';
import { worstRelative } from './compare';

useGpu();

const ALL = process.env.TABTRAIN_KEPT === 'all';
/** The run, and the step that it goes on from. */
const [STEPS, KEPT] = ALL ? [20, 7] : [12, 5];
const RUN = {
  model: { layers: 2, heads: 4, dim: 16, hidden: 32, context: 16, tieEmbeddings: true },
  data: { source: 'moby-dick' },
  train: { steps: STEPS, globalBatch: 8, lr: 5e-3, gradClip: 0.5, evalEvery: 3, schedule: 'cosine', warmupSteps: 3 },
};
const PLANS: readonly ParallelPlan[] = [
  { dp: 2 },
  { dp: 2, zero: 3 },
  { pp: 2, microbatches: 2 },
  { tp: 2 },
  { dp: 2, pp: 2, tp: 2, zero: 1, microbatches: 2 },
].map((fields) => parsePlan(fields));

/** Train to the end; what each step told, from the first that ran, and the hash of every rank's weights. */
async function run(plan: ParallelPlan, deps: () => Partial<TrainerDeps>) {
  const peers = Array.from({ length: plan.dp * plan.pp * plan.tp }, (_, rank) => `p${rank}`);
  const room = new TrainRoom({ ...RUN, plan }, peers, { jitterMs: 1, seed: 3 });
  const tabs = peers.map((peer) =>
    room.start(peer, { makeRank: rankMaker({ device: gpu() }), outlet: null, ...deps() }),
  );
  room.declare(peers, { plan });
  const results = await Promise.all(tabs.map(({ trainer }) => trainer.finished));
  await new Promise((resolve) => setImmediate(resolve));
  const steps = tabs[0]!.metrics.map(({ step, loss, gradNorm, lr, heldOutLoss }) => {
    return { step, loss, gradNorm, lr, heldOutLoss };
  });
  return { steps, hashes: results.map(({ weightsHash }) => weightsHash) };
}

for (const [at, plan] of PLANS.entries()) {
  // the last one is cut in every way; `npm run test:kept` takes all
  if (at < PLANS.length - 1 && !ALL) continue;
  gpuTest(`${JSON.stringify(plan)}: goes on bit for bit, and under another plan to rounding`, async () => {
    const kept = new KeptStep(KEPT);
    const whole = await run(plan, () => ({ keeper: kept.keeper() }));
    expect(whole.steps.map(({ step }) => step)).toEqual(Array.from({ length: STEPS }, (_, step) => step));
    const resumed = await run(plan, () => ({ resumption: kept.resumption() }));
    expect(resumed.steps).toEqual(whole.steps.slice(KEPT));
    expect(resumed.hashes).toEqual(whole.hashes);
    const other = await run(PLANS[(at + 1) % PLANS.length]!, () => ({ resumption: kept.resumption() }));
    const losses = ({ steps }: typeof whole) => steps.slice(-(STEPS - KEPT)).map(({ loss }) => loss);
    // AdamW steps carry float32 sums in another order on
    expect(worstRelative(losses(other), losses(whole))).toBeLessThan(1e-5);
  });
}

gpuTest('replicas that train apart go on bit for bit, under other numbers of them and as one', async () => {
  const outer = { every: 4, lr: 0.7, momentum: 0.9, fragments: 2 };
  const apart = parsePlan({ dp: 2, pp: 2, microbatches: 2, outer });
  const kept = new KeptStep(KEPT);
  const whole = await run(apart, () => ({ keeper: kept.keeper() }));
  const flat = await run(parsePlan({ dp: 2, outer }), () => ({}));
  // a stage that has no unit of a fragment takes part in its outer steps all the same
  const lossesOf = ({ steps }: typeof whole) => steps.map(({ loss }) => loss);
  expect(worstRelative(lossesOf(whole), lossesOf(flat))).toBeLessThan(1e-5);
  const resumed = await run(apart, () => ({ resumption: kept.resumption() }));
  expect(resumed.steps).toEqual(whole.steps.slice(KEPT));
  expect(resumed.hashes).toEqual(whole.hashes);
  for (const plan of [{ dp: 3, outer }, { dp: 2 }].map((fields) => parsePlan(fields))) {
    const other = await run(plan, () => ({ resumption: kept.resumption() }));
    expect(other.steps.map(({ step }) => step)).toEqual(whole.steps.slice(KEPT).map(({ step }) => step));
    expect(new Set(other.hashes).size).toBe(1);
    // not equal: what a replica had beyond the outer parameters may be gone; but it goes on from there, not from the seed
    expect(other.steps[0]!.loss).toBeLessThan(whole.steps[2]!.loss);
  }
});
