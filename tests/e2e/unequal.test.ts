/**
 * Ranks of unequal speed, slow on purpose: with `--balance` the run measures them and gives them shares of the batch, and its
 * losses are those of equal shares. Gates on shares and losses, not on time.
 */
import { expect, onTestFinished, test } from 'vitest';
import { worstRelative } from '../equivalence/compare';
import { readFixture } from '../helpers/fixture';
import { temporaryFolder, trainFixture } from '../helpers/headless';

const TIMEOUT_MS = 300_000;

test(
  'ranks of speeds 1 : 2 : 4 get shares by their speed, and the losses stay those of equal shares and of PyTorch',
  async () => {
    const given = readFixture('gpt2-tied');
    const speeds = ['--nodes', '3', '--slow-unit-ms', '80,40,20'];
    const train = (...flags: string[]) =>
      trainFixture(temporaryFolder(onTestFinished), given, {}, [...speeds, ...flags]);
    const [equal, balanced] = [await train(), await train('--balance')];
    // shares of 8 samples that are 1, 2, 5: 80, 80 and 100 ms a pass, where 3, 3, 2 take 240
    expect(balanced.summary.plan).toMatchObject({ dp: 3, shares: [1, 2, 5] });
    expect(equal.summary.plan).not.toHaveProperty('shares');
    const losses = (run: typeof equal) => run.metrics.map(({ loss }) => loss);
    expect(losses(balanced)).toHaveLength(given.train.steps);
    expect(worstRelative(losses(balanced), losses(equal))).toBeLessThan(1e-5);
    expect(worstRelative(losses(balanced), given.losses)).toBeLessThan(1e-4);
    expect(new Set(balanced.summary.weightsHash).size).toBe(1);
    // its buffers are as large as its share needs
    const [slow, , fast] = (balanced.summary.ranks as { memory: { saved: number } }[]).map(
      ({ memory }) => memory.saved,
    );
    expect(fast! / slow!).toBeCloseTo(5, 0);
  },
  TIMEOUT_MS,
);
