/**
 * `npm run train` that is killed or interrupted goes on from its checkpoint as if nothing had happened. More plans are in
 * equivalence/resume.test.ts.
 */
import { existsSync, readdirSync, readFileSync, truncateSync } from 'node:fs';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { worstRelative } from '../equivalence/compare';
import { readFixture } from '../helpers/fixture';
import { readMetrics, startTraining, temporaryFolder, train, writeInputs } from '../helpers/headless';

const TIMEOUT_MS = 300_000;
const given = readFixture('gpt2-tied');
const STEPS = given.train.steps;

const linesOf = (out: string) => {
  const path = join(out, 'metrics.jsonl');
  return existsSync(path) ? readFileSync(path, 'utf8').split('\n').length - 1 : 0;
};
const lossesOf = (out: string) => readMetrics(out).map(({ loss }) => loss);
const summaryOf = (out: string) => JSON.parse(readFileSync(join(out, 'summary.json'), 'utf8'));

/** Wait for `least` lines of metrics while the run goes on; the lines there are then. */
async function growing(out: string, least: number): Promise<number> {
  while (linesOf(out) < least) await new Promise((resolve) => setTimeout(resolve, 20));
  return linesOf(out);
}

test(
  'killed and resumed: the same bits; interrupted and resumed under another plan: the same losses; each step once',
  async () => {
    const folder = temporaryFolder(onTestFinished);
    const inputs = writeInputs(folder, given, {});
    const whole = join(folder, 'whole');
    expect(await train([...inputs, '--nodes', '1', '--out', whole])).toMatchObject({ code: 0 });

    const out = join(folder, 'out');
    const args = [...inputs, '--nodes', '1', '--out', out, '--checkpoint-every', '3', '--slow-unit-ms', '10'];
    const killed = startTraining(args);
    while (!existsSync(join(out, 'checkpoint'))) await new Promise((resolve) => setTimeout(resolve, 20));
    const kept = () => readdirSync(join(out, 'checkpoint')).filter((name) => name.startsWith('step-'));
    // why awaited: a checkpoint is written while the next steps run
    while (kept().length < 2) await new Promise((resolve) => setTimeout(resolve, 20));
    killed.child.kill('SIGKILL');
    await killed.ended;
    expect(linesOf(out)).toBeLessThan(STEPS);
    expect(kept()).toHaveLength(2);

    const again = await train(args);
    expect(again).toMatchObject({
      code: 1,
      stderr: expect.stringMatching(/has the checkpoint of a run at step \d+ of/),
    });
    const other = await train(['--resume', out, '--model.layers=3']);
    expect(other).toMatchObject({ code: 1, stderr: expect.stringContaining('in the checkpoint and 3 is asked for') });

    const resumed = startTraining(['--resume', out, '--slow-unit-ms', '10']);
    const before = await growing(out, 12);
    resumed.child.kill('SIGINT');
    const interrupted = await resumed.ended;
    expect(interrupted).toMatchObject({ code: 130, stderr: expect.stringContaining(`--resume`) });
    const lines = linesOf(out);
    expect(lines).toBeGreaterThanOrEqual(before);
    expect(lines).toBeLessThan(STEPS);
    expect(lossesOf(out)).toEqual(lossesOf(whole).slice(0, lines));

    // the newest checkpoint is broken: the one before is taken
    const newest = readdirSync(join(out, 'checkpoint')).sort().at(-1)!;
    truncateSync(join(out, 'checkpoint', newest, 'rank-0.safetensors'), 1000);
    const ended = await train(['--resume', out, '--nodes', '2', '--plan.zero=3', '--plan.dp=2']);
    expect(ended).toMatchObject({ code: 0, stderr: expect.stringContaining('is not used') });
    expect(readMetrics(out).map(({ step }) => step)).toEqual(given.losses.map((_, step) => step));
    // float32 sums in another order, as in headless.test.ts
    expect(worstRelative(lossesOf(out), lossesOf(whole))).toBeLessThan(1e-5);
    expect(summaryOf(out).ranks).toHaveLength(2);
  },
  TIMEOUT_MS,
);
