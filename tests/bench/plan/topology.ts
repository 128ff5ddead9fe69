/**
 * `npm run bench -- topology`: what it costs to place tensor parallel groups across machines. Two pairs of tabs in two
 * browsers, near links inside each and shaped ones between; passes are slow on purpose and wait without computing
 * (docs/decisions/009). One run measures the ranks and links, then trains with tp inside and dp across, and with tp
 * across. Prints both steps, how many times the first the second takes, and what the planner predicted.
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { linkFacts, type Trial, trialTable, tryPlans } from '../../../src/cli/planning/measure';
import { parseTrainArgs } from '../../../src/cli/run/args';
import type { Places } from '../../../src/cli/run/job';
import type { Programs } from '../../../src/cli/run/runjob';

const OPTIONS = {
  mbit: { type: 'string', default: '20' },
  'unit-ms': { type: 'string', default: '20' },
  steps: { type: 'string', default: '10' },
} as const;

/** Little real computation beside the time that ranks wait. */
const MODEL = { layers: 4, heads: 4, dim: 64, context: 64 };
const BATCH = 16;
const INSIDE = { dp: 2, tp: 2 };
const ACROSS = { ...INSIDE, placement: 'across' };

export async function benchTopology(argv: readonly string[], places: Places, programs: Programs): Promise<string> {
  const { values } = parseArgs({ args: [...argv], options: OPTIONS });
  const folder = mkdtempSync(join(tmpdir(), 'bench-topology-'));
  try {
    const path = join(folder, 'run.json');
    const train = { globalBatch: BATCH, steps: 1, lr: 1e-3, evalEvery: 0 };
    writeFileSync(path, JSON.stringify({ model: MODEL, train, plan: INSIDE, links: 'near' }));
    const slow = [`--slow-unit-ms=${values['unit-ms']}`, `--mbit=${values.mbit}`];
    const args = parseTrainArgs([path, '--tabs=4', '--browsers=2', ...slow]);
    const { trials, links, on } = await tryPlans(args, [INSIDE, ACROSS], places, programs, Number(values.steps));
    const title = `${on} in 2 browsers, ${JSON.stringify(MODEL)}, batch ${BATCH}, a pass of a block ${values['unit-ms']} ms a sample, ${values.mbit} Mbit/s between browsers`;
    return [title, `Measured: ${linkFacts(links)}.`, trialTable(trials), factors(trials)].join('\n\n');
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** `trials`: tp inside, then tp across. */
function factors([inside, across]: readonly Trial[]): string {
  const measured = across!.measuredMs / inside!.measuredMs;
  const predicted = across!.predicted.stepMs / inside!.predicted.stepMs;
  const offBy = 100 * (predicted / measured - 1);
  return `tp across takes ${measured.toFixed(2)} times the step of tp inside; predicted ${predicted.toFixed(2)} times, off by ${offBy.toFixed(1)} %.`;
}
