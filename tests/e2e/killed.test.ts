/**
 * A headless run that is killed at random moments while it writes checkpoints always has a whole one, and goes on as if it had
 * never been killed. Only with `npm run test:kept`: every kill is a new start.
 */
import { existsSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { newestCheckpoint } from '../../src/cli/checkpoints';
import { uniformAt } from '../../src/train/data/random';
import { readMetrics, startTraining, temporaryFolder, train } from '../helpers/headless';

const KILLS = 30;
const TIMEOUT_MS = 900_000;
/** A checkpoint of 2.5 MB takes about as long as a step. */
const RUN = {
  model: { layers: 2, heads: 2, dim: 96, hidden: 192, context: 16 },
  data: { source: 'moby-dick', tokenizer: 'char' },
  train: { globalBatch: 4, steps: 10_000, evalEvery: 0 },
  plan: { dp: 2, zero: 3 },
};
const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

test.runIf(process.env.TABTRAIN_KEPT === 'all')(
  'killed 30 times while it writes, it has a whole checkpoint each time and loses no step',
  async () => {
    const folder = temporaryFolder(onTestFinished);
    const path = join(folder, 'run.json');
    writeFileSync(path, JSON.stringify(RUN));
    const out = join(folder, 'out');
    const names = () => (existsSync(join(out, 'checkpoint')) ? readdirSync(join(out, 'checkpoint')) : []);
    const ranks = ['--nodes', '2', '--checkpoint-every', '1'];
    let [step, cut] = [0, 0];
    for (let kill = 0; kill < KILLS; kill++) {
      const before = names().join();
      const { child, ended } = startTraining([...(kill === 0 ? [path, '--out', out] : ['--resume', out]), ...ranks]);
      // the first checkpoint must be there once; later ones need only have begun
      const hasBegun = () => (kill === 0 ? names().includes('step-000000001') : names().join() !== before);
      while (!hasBegun() && child.exitCode === null) await pause(5);
      await pause(300 * uniformAt(7, kill));
      child.kill('SIGKILL');
      expect(await ended).toMatchObject({ code: null });
      if (names().some((name) => name.startsWith('.'))) cut++;
      const { checkpoint, notes } = await newestCheckpoint(out);
      expect(notes).toEqual([]);
      expect(checkpoint.step).toBeGreaterThanOrEqual(step);
      step = checkpoint.step;
    }
    console.info(`${KILLS} kills, ${cut} of them in the middle of a checkpoint; step ${step}`);
    expect(cut).toBeGreaterThan(0);
    const steps = `--train.steps=${step + 2}`;
    expect(await train(['--resume', out, steps])).toMatchObject({ code: 0 });
    const whole = join(folder, 'whole');
    expect(await train([path, '--out', whole, '--nodes', '2', steps])).toMatchObject({ code: 0 });
    const stepsOf = (run: string) => readMetrics(run).map((metrics) => [metrics.step, metrics.loss, metrics.gradNorm]);
    expect(stepsOf(out)).toEqual(stepsOf(whole));
    expect(stepsOf(out)).toHaveLength(step + 2);
  },
  TIMEOUT_MS,
);
