/**
 * `npm run continue`: PyTorch goes on with a run from its checkpoint, under torchrun with gloo processes, and its losses are
 * those of our own continuation. Needs a Python with torch 2.6 (TABTRAIN_PYTHON or python3); skipped where there is none.
 */
import { spawnSync } from 'node:child_process';
import { readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { type FixtureName, readFixture } from '../helpers/fixture';
import { readMetrics, temporaryFolder, trainFixture } from '../helpers/headless';
import { lacksPython, PYTHON } from '../helpers/python';

const PROGRAM = join(import.meta.dirname, '../../dist/node/continue.js');
const KEPT = 10;
/** The run that writes the checkpoint is cut, so that shares of every form are read: strided parts, shards. */
const CASES: readonly { name: FixtureName; cut: object; plans: readonly object[] }[] = [
  {
    name: 'gpt2-deep',
    cut: { tp: 2 },
    plans: [
      { microbatches: 3 },
      { dp: 2, microbatches: 3 },
      { dp: 4, zero: 1, microbatches: 2 },
      { dp: 2, zero: 2, microbatches: 2, recompute: true },
      { dp: 2, zero: 3 },
      { pp: 2, microbatches: 4 },
      { pp: 2, chunks: 2, microbatches: 4, schedule: 'interleaved' },
      { pp: 2, chunks: 2, microbatches: 4, schedule: 'zb-v' },
      { tp: 2 },
      { dp: 2, pp: 2, zero: 1, microbatches: 2 },
    ],
  },
  {
    name: 'llama-deep',
    cut: { dp: 2, zero: 3 },
    plans: [{ dp: 2, zero: 3 }, { pp: 2, microbatches: 4, schedule: 'gpipe' }, { tp: 2 }, { dp: 2, tp: 2, zero: 2 }],
  },
  {
    name: 'gpt2-tall',
    cut: { pp: 2, microbatches: 4 },
    plans: [{ dp: 4 }, { pp: 2, microbatches: 2 }, { pp: 2, tp: 2, microbatches: 2 }],
  },
];

const folders: (() => void)[] = [];
afterAll(() => {
  for (const remove of folders) remove();
});

/** The output folder of a run whose newest checkpoint is that of step KEPT, and the losses from there on. */
async function keptRun(name: FixtureName, cut: object) {
  const args = ['--nodes', '2', '--checkpoint-every', String(KEPT)];
  const folder = temporaryFolder((remove) => folders.push(remove));
  const { out, metrics } = await trainFixture(folder, readFixture(name), cut, args);
  rmSync(join(out, 'checkpoint/step-000000020'), { recursive: true });
  return { out, own: metrics.slice(KEPT) };
}

describe.skipIf(lacksPython(['torch']))('continue_torch.py', () => {
  for (const { name, cut, plans } of CASES) {
    let run: ReturnType<typeof keptRun> | undefined;
    test.each(plans)(`${name} %o: ten more losses are ours`, async (plan) => {
      run ??= keptRun(name, cut);
      const { out, own } = await run;
      const whole = { dp: 1, pp: 1, tp: 1, zero: 0, microbatches: 1, ...plan };
      const overrides = Object.entries(whole).map(([field, value]) => `--plan.${field}=${value}`);
      const written = spawnSync(process.execPath, [PROGRAM, out, ...overrides], { encoding: 'utf8' });
      expect(written.stderr).toBe('');
      expect(written.stdout).toContain(`Go on from step ${KEPT} of 20: torchrun`);
      rmSync(join(out, 'torch_metrics.jsonl'), { force: true });
      const ranks = whole.dp * whole.pp * whole.tp;
      const launch = ['-m', 'torch.distributed.run', '--standalone', '--nproc-per-node', String(ranks)];
      const ended = spawnSync(PYTHON, [...launch, join(out, 'continue_torch.py')], {
        encoding: 'utf8',
        env: { ...process.env, OMP_NUM_THREADS: '1' },
      });
      if (ended.status !== 0) throw new Error(ended.stderr);
      const theirs = readMetrics(out, 'torch_metrics.jsonl');
      expect(theirs.map(({ step }) => step)).toEqual(own.map(({ step }) => step));
      for (const [i, { loss, gradNorm, lr }] of theirs.entries()) {
        expect(lr).toBeCloseTo(own[i]!.lr, 12);
        expect(Math.abs(loss - own[i]!.loss)).toBeLessThan(1e-4);
        expect(Math.abs(gradNorm / own[i]!.gradNorm - 1)).toBeLessThan(1e-3);
      }
      expect(readFileSync(join(out, 'torch_checkpoint/.metadata')).byteLength).toBeGreaterThan(0);
    });
  }
});
