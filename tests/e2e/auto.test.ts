/**
 * `--plan=auto` with real ranks: it measures, takes a plan and goes on, with the numbers of PyTorch while it is exact. What
 * it chooses is in tests/unit/plan/auto.test.ts; here the links are so slow that the kind of plan is certain.
 */
import { expect, onTestFinished, test } from 'vitest';
import { readFixture } from '../helpers/fixture';
import { distance, temporaryFolder, trainFixture } from '../helpers/headless';

const TIMEOUT_MS = 300_000;

test(
  'an exact auto run of tabs gives the numbers of PyTorch over calibrating plans and the chosen one',
  async () => {
    const given = readFixture('gpt2-deep');
    const run = await trainFixture(temporaryFolder(onTestFinished), given, {}, ['--tabs', '2', '--plan=auto']);
    // float32 against float64, as in headless.test.ts
    const { loss, norm, weights } = distance(given, run);
    expect(loss).toBeLessThan(1e-5);
    expect(norm).toBeLessThan(1e-4);
    expect(weights).toBeLessThan(2e-5);
    const { plan, approximate, auto, ranks } = run.summary;
    expect(plan.dp * plan.pp * plan.tp).toBe(2);
    expect(approximate).toBe(false);
    expect(auto.approximateFrom).toBeNull();
    expect(auto.why).toMatch(/\(2 ranks of .* samples\/s, links of \d+ Mbit\/s and .* ms\)\./);
    expect(auto.measured.samplesPerSecond).toHaveLength(2);
    for (const { memory, planned } of ranks) expect(memory).toMatchObject(planned);
  },
  TIMEOUT_MS,
);

test(
  '--approximate over very slow links begins exactly, then sends hardly any bytes, and says both',
  async () => {
    const given = readFixture('gpt2-deep');
    const slow = ['--mbit', '1', '--latency-ms', '5', '--train.steps=60'];
    const flags = ['--nodes', '2', '--plan=auto', '--approximate', ...slow];
    const { summary, metrics } = await trainFixture(temporaryFolder(onTestFinished), given, {}, flags);
    const { plan, approximate, auto, weightsHash } = summary;
    expect(approximate).toBe(true);
    expect(plan.outer.from).toBe(auto.approximateFrom);
    expect(auto.why).toContain('approximate, from step');
    expect(weightsHash[0]).toBe(weightsHash[1]);
    const plain = await trainFixture(temporaryFolder(onTestFinished), given, {}, ['--nodes', '2', '--train.steps=60']);
    const exact = metrics.filter(({ step }) => step < auto.approximateFrom);
    expect(exact.length).toBeGreaterThan(6);
    // plans add the same numbers in another order
    for (const { step, loss } of exact) expect(Math.abs(loss / plain.metrics[step]!.loss - 1)).toBeLessThan(1e-5);
    const sent = (row: { readonly bytesSent: readonly number[] }) => row.bytesSent[0]!;
    // only votes but for the outer steps, where a step of DDP sends a tenth of a megabyte
    const loud = metrics.slice(-20).filter((row) => sent(row) > 5_000);
    expect(loud.length).toBeLessThanOrEqual(1 + 20 / plan.outer.every);
    expect(sent(metrics[1]!)).toBeGreaterThan(100_000);
  },
  TIMEOUT_MS,
);
