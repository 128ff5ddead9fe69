/**
 * `npm run train` that is killed or interrupted goes on from its checkpoint as if nothing had happened. More plans are in
 * equivalence/resume.test.ts. With `npm run test:kept` it is killed 30 times more, each time a new start.
 */
import { existsSync, mkdirSync, readdirSync, readFileSync, symlinkSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { newestCheckpoint } from '../../src/cli/run/checkpoints';
import { uniformAt } from '../../src/train/data/random';
import type { StepMetrics } from '../../src/worker/api';
import { worstRelative } from '../equivalence/compare';
import { readFixture } from '../helpers/fixture';
import { readMetrics, startTraining, temporaryFolder, train, writeInputs } from '../helpers/headless';

const TIMEOUT_MS = 300_000;
const ALL = process.env.TABTRAIN_KEPT === 'all';
const given = readFixture('gpt2-tied');
const STEPS = given.train.steps;
const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

const linesOf = (out: string) => {
  const path = join(out, 'metrics.jsonl');
  return existsSync(path) ? readFileSync(path, 'utf8').split('\n').length - 1 : 0;
};
const lossesOf = (metrics: readonly StepMetrics[]) => metrics.map(({ loss }) => loss);
const numbersOf = (metrics: readonly StepMetrics[]) => {
  return metrics.map(({ step, loss, gradNorm, lr }) => ({ step, loss, gradNorm, lr }));
};
/** Folders of checkpoints, whole ones and others. */
const names = (out: string) => (existsSync(join(out, 'checkpoint')) ? readdirSync(join(out, 'checkpoint')) : []);
const summaryOf = (out: string) => JSON.parse(readFileSync(join(out, 'summary.json'), 'utf8'));

/** Waits until `holds`. Throws what the run said if it ends before that. */
async function during({ child, ended }: ReturnType<typeof startTraining>, holds: () => boolean): Promise<void> {
  while (!holds()) {
    if (child.exitCode !== null) throw new Error((await ended).stderr);
    await pause(5);
  }
}

test(
  'killed and resumed: the same bits; interrupted and resumed under another plan: the same losses; each step once',
  async () => {
    const folder = temporaryFolder(onTestFinished);
    const out = join(folder, 'out');
    const args = [...writeInputs(folder, given, {}), '--nodes', '1', '--out', out, '--checkpoint-every', '3'];
    const slow = ['--slow-unit-ms', '3'];
    const killed = startTraining([...args, ...slow]);
    const kept = () => names(out).filter((name) => name.startsWith('step-'));
    // why both: a checkpoint is written while the next steps run
    await during(killed, () => linesOf(out) >= 8 && kept().length === 2);
    killed.child.kill('SIGKILL');
    await killed.ended;
    const first = readMetrics(out);
    expect(first.length).toBeLessThan(STEPS);
    expect(kept()).toHaveLength(2);

    const again = await train(args);
    expect(again).toMatchObject({
      code: 1,
      stderr: expect.stringMatching(/has the checkpoint of a run at step \d+ of/),
    });
    const other = await train(['--resume', out, '--model.layers=3']);
    expect(other).toMatchObject({ code: 1, stderr: expect.stringContaining('in the checkpoint and 3 is asked for') });

    const resumed = startTraining(['--resume', out, ...slow]);
    await during(resumed, () => linesOf(out) >= 12);
    resumed.child.kill('SIGINT');
    const interrupted = await resumed.ended;
    expect(interrupted).toMatchObject({ code: 130, stderr: expect.stringContaining(`--resume`) });
    const second = readMetrics(out);
    expect(second.length).toBeGreaterThanOrEqual(12);
    expect(second.length).toBeLessThan(STEPS);
    // steps 7 and 8 ran in both, the second time from the checkpoint of step 6
    expect(numbersOf(second.slice(0, first.length))).toEqual(numbersOf(first));

    // the newest checkpoint is broken: the one before is taken
    truncateSync(join(out, 'checkpoint', kept().sort().at(-1)!, 'rank-0.safetensors'), 1000);
    const ended = await train(['--resume', out, '--nodes', '2', '--plan.zero=3', '--plan.dp=2']);
    expect(ended).toMatchObject({ code: 0, stderr: expect.stringContaining('is not used') });
    const all = readMetrics(out);
    expect(all.map(({ step }) => step)).toEqual(given.losses.map((_, step) => step));
    // float32 sums in another order, as in headless.test.ts
    expect(worstRelative(lossesOf(all), given.losses)).toBeLessThan(1e-5);
    expect(summaryOf(out).ranks).toHaveLength(2);
  },
  TIMEOUT_MS,
);

const KILLS = 30;
/** A checkpoint of 2.5 MB takes about as long as a step. */
const MANY = {
  model: { layers: 2, heads: 2, dim: 96, hidden: 192, context: 16 },
  data: { source: 'moby-dick', tokenizer: 'char' },
  train: { globalBatch: 4, steps: 10_000, evalEvery: 0 },
  plan: { dp: 2, zero: 3 },
};

if (ALL) {
  test(
    'killed 30 times while it writes, it has a whole checkpoint each time and loses no step',
    async () => {
      const folder = temporaryFolder(onTestFinished);
      const path = join(folder, 'run.json');
      writeFileSync(path, JSON.stringify(MANY));
      const out = join(folder, 'out');
      const ranks = ['--nodes', '2', '--checkpoint-every', '1'];
      let [step, cut] = [0, 0];
      for (let kill = 0; kill < KILLS; kill++) {
        const before = names(out);
        const run = startTraining([...(kill === 0 ? [path, '--out', out] : ['--resume', out]), ...ranks]);
        // the first checkpoint must be there once; later ones need only have begun
        const isNew = (name: string) => (kill === 0 ? name === 'step-000000001' : !before.includes(name));
        await during(run, () => names(out).some(isNew));
        await pause(300 * uniformAt(7, kill));
        run.child.kill('SIGKILL');
        expect(await run.ended).toMatchObject({ code: null });
        if (names(out).some((name) => name.startsWith('.'))) cut++;
        const { checkpoint, notes } = await newestCheckpoint(out);
        expect(notes).toEqual([]);
        expect(checkpoint.step).toBeGreaterThanOrEqual(step);
        step = checkpoint.step;
      }
      console.info(`${KILLS} kills, ${cut} of them in the middle of a checkpoint; step ${step}`);
      expect(cut).toBeGreaterThan(0);
      const twice = startTraining(['--resume', out, ...ranks]);
      const lines = linesOf(out);
      await during(twice, () => linesOf(out) !== lines);
      twice.child.kill('SIGINT');
      // why: two pending signals of one kind are one
      await pause(20);
      twice.child.kill('SIGINT');
      expect(await twice.ended).toMatchObject({ code: 130, stderr: expect.stringContaining('--resume') });
      ({ step } = (await newestCheckpoint(out)).checkpoint);
      // a full disk when the model goes out: an error, and the state is still there
      mkdirSync(join(out, '.unfinished'), { recursive: true });
      symlinkSync('/dev/full', join(out, '.unfinished', 'model.safetensors'));
      const full = await train(['--resume', out, `--train.steps=${++step}`]);
      expect(full).toMatchObject({
        code: 1,
        stderr: expect.stringMatching(/model\.safetensors cannot be written .*ENOSPC/),
      });
      expect(existsSync(join(out, 'model.safetensors'))).toBe(false);
      expect((await newestCheckpoint(out)).checkpoint.step).toBe(step);
      const steps = `--train.steps=${step + 2}`;
      expect(await train(['--resume', out, steps])).toMatchObject({ code: 0 });
      const whole = join(folder, 'whole');
      expect(await train([path, '--out', whole, '--nodes', '2', steps])).toMatchObject({ code: 0 });
      const stepsOf = (run: string) =>
        readMetrics(run).map((metrics) => [metrics.step, metrics.loss, metrics.gradNorm]);
      expect(stepsOf(out)).toEqual(stepsOf(whole));
      expect(stepsOf(out)).toHaveLength(step + 2);
    },
    3 * TIMEOUT_MS,
  );
}
