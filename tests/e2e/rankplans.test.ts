/**
 * Plans over real ranks against PyTorch: tabs and Node processes that meet through signaling and WebRTC. `npm test` runs
 * two of them, `npm run test:plans` all.
 */
import { expect, onTestFinished, test } from 'vitest';
import { type FixtureName, readFixture } from '../helpers/fixture';
import { distance, temporaryFolder, trainFixture } from '../helpers/headless';

/** Eight tabs share one software adapter. */
const TIMEOUT_MS = 400_000;

type Case = readonly [ranks: 'tabs' | 'nodes', count: number, fixture: FixtureName, plan: Record<string, unknown>];

/** With `npm test`. */
const FEW: readonly Case[] = [
  ['tabs', 8, 'gpt2-deep', { dp: 2, pp: 2, tp: 2, zero: 1, microbatches: 4 }],
  ['nodes', 2, 'llama-deep', { pp: 2, schedule: 'zb-v', microbatches: 4 }],
];
const ALL: readonly Case[] = [
  ['tabs', 2, 'llama-deep', { tp: 2 }],
  ['tabs', 4, 'gpt2-tall', { pp: 4, schedule: 'interleaved', microbatches: 4 }],
  ['tabs', 3, 'llama-tall', { dp: 3, zero: 3, microbatches: 2 }],
  ['tabs', 4, 'gpt2-deep', { dp: 2, pp: 2, schedule: 'zb-h1', microbatches: 4 }],
  ['tabs', 4, 'llama-deep', { dp: 2, tp: 2, zero: 2, recompute: true }],
  ['nodes', 3, 'gpt2-deep', { dp: 3, zero: 1 }],
  ['nodes', 3, 'llama-deep', { dp: 3, zero: 2, microbatches: 2 }],
  ['nodes', 2, 'gpt2-tall', { dp: 2, zero: 3, microbatches: 2 }],
  ['nodes', 2, 'gpt2-deep', { pp: 2, schedule: 'gpipe', microbatches: 4 }],
  ['nodes', 2, 'llama-tall', { pp: 2, schedule: '1f1b', microbatches: 8 }],
  ['nodes', 2, 'gpt2-tall', { pp: 2, schedule: 'eager-1f1b', microbatches: 4 }],
  ['nodes', 2, 'llama-deep', { pp: 2, schedule: 'interleaved', microbatches: 4 }],
  ['nodes', 2, 'gpt2-deep', { pp: 2, schedule: 'zb-h1', microbatches: 4, recompute: true }],
  ['nodes', 2, 'gpt2-deep', { tp: 2 }],
  ['nodes', 4, 'llama-tall', { tp: 4 }],
  ['nodes', 4, 'gpt2-tall', { dp: 2, pp: 2, zero: 1, microbatches: 2 }],
  ['nodes', 4, 'llama-deep', { pp: 2, tp: 2, microbatches: 2 }],
];

const cases = process.env.TABTRAIN_PLANS === 'all' ? [...FEW, ...ALL] : FEW;

test.each(cases.map((one) => [`--${one[0]} ${one[1]} ${one[2]} ${JSON.stringify(one[3])}`, ...one] as const))(
  '%s',
  async (_, kind, count, name, plan) => {
    const given = readFixture(name);
    const run = await trainFixture(temporaryFolder(onTestFinished), given, plan, [`--${kind}`, `${count}`]);
    const { loss, norm, weights } = distance(given, run);
    // float32 against float64, as in tests/equivalence: every plan adds the same numbers in another order
    expect(loss).toBeLessThan(1e-5);
    expect(norm).toBeLessThan(1e-4);
    expect(weights).toBeLessThan(2e-5);
    for (const { memory, planned } of run.summary.ranks) expect(memory).toMatchObject(planned);
  },
  TIMEOUT_MS,
);
