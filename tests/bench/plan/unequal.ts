/**
 * `npm run bench -- unequal`: three ranks at speeds 1 : 2 : 4, slow on purpose (docs/decisions/009). In one run: equal
 * shares, shares that follow the measured speed while it trains, and shares fixed from the start. Prints the step of each
 * beside the optimum, and how far the losses are from those of equal shares.
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { columns } from '../../../src/cli/planning/plantable';
import { parseTrainArgs } from '../../../src/cli/run/args';
import { type Places, prepareJob } from '../../../src/cli/run/job';
import { type Programs, runJob } from '../../../src/cli/run/runjob';
import { nameOf } from '../../../src/plan/why';
import type { StepMetrics } from '../../../src/worker/api';

/** Little real computation beside the time that ranks wait. */
const MODEL = { layers: 4, heads: 4, dim: 64, context: 8 };
const BATCH = 28;
/** Milliseconds of a pass of a sample through a block, by rank. */
const UNIT_MS = [40, 20, 10];
/** F, I and W. */
const PASSES = 3;
/** Newest steps that a step is the median of. */
const NEWEST = 8;

const CONFIGURATIONS = [
  { name: 'equal shares', plan: {}, flags: [], steps: 30 },
  { name: 'measured while it trains', plan: {}, flags: ['--balance'], steps: 30 },
  { name: 'fixed shares', plan: { shares: [4, 8, 16] }, flags: [], steps: 12 },
] as const;

export async function benchUnequal(places: Places, programs: Programs): Promise<string> {
  const sampleMs = UNIT_MS.map((ms) => PASSES * MODEL.layers * ms);
  const optimumMs = BATCH / sampleMs.reduce((sum, ms) => sum + 1 / ms, 0);
  const rows: string[][] = [];
  let equal: readonly StepMetrics[] = [];
  let adapter = '';
  for (const { name, plan, flags, steps } of CONFIGURATIONS) {
    const { metrics, reports } = await run({ dp: UNIT_MS.length, ...plan }, steps, flags, places, programs);
    if (equal.length === 0) equal = metrics;
    adapter = reports[0]!.adapter;
    const stepMs = medianMs(metrics.slice(-NEWEST));
    const apart = Math.max(...metrics.map(({ loss }, i) => Math.abs(loss / equal[i]!.loss - 1)));
    rows.push([
      name,
      nameOf(reports[0]!.plan!),
      stepMs.toFixed(0),
      (stepMs / optimumMs).toFixed(3),
      apart.toExponential(1),
    ]);
    console.error(rows.at(-1)!.join(', '));
  }
  const title = `3 ranks at ${UNIT_MS.join(', ')} ms a block and sample, ${JSON.stringify(MODEL)}, batch ${BATCH}, on ${adapter}; optimum ${optimumMs.toFixed(0)} ms`;
  return [title, columns([['', 'plan at the end', 'ms a step', 'times the optimum', 'losses off by'], ...rows])].join(
    '\n\n',
  );
}

async function run(plan: object, steps: number, flags: readonly string[], places: Places, programs: Programs) {
  const folder = mkdtempSync(join(tmpdir(), 'bench-unequal-'));
  try {
    const path = join(folder, 'run.json');
    const train = { globalBatch: BATCH, steps, lr: 1e-3, evalEvery: 0 };
    writeFileSync(path, JSON.stringify({ model: MODEL, train, plan }));
    const args = [path, `--nodes=${UNIT_MS.length}`, `--slow-unit-ms=${UNIT_MS.join()}`, ...flags];
    return await runJob(await prepareJob(parseTrainArgs(args), places), programs);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

function medianMs(metrics: readonly StepMetrics[]): number {
  const times = metrics.map(({ ms }) => ms).sort((a, b) => a - b);
  return times[times.length >> 1]!;
}
