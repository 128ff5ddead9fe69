/**
 * `npm run bench -- kept [TRAIN OPTIONS]`: what checkpoints cost. One run, in turns: half a minute that begins with a
 * checkpoint, half a minute without one. The same number of steps in both halves, so the ratio of their times is the cost.
 * On a busy machine that ratio is noise; the pause is not: the time from the step before a checkpoint to the step after it,
 * beyond the usual time between two steps. What is written while training goes on is in the ratio only.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { columns } from '../../src/cli/planning/plantable';
import { parseTrainArgs } from '../../src/cli/run/args';
import { CheckpointWriter } from '../../src/cli/run/checkpoints';
import type { Collected } from '../../src/cli/run/collect';
import { type Places, prepareJob } from '../../src/cli/run/job';
import { OutFolder } from '../../src/cli/run/outfolder';
import { type Programs, runJob } from '../../src/cli/run/runjob';

const WINDOW_MS = 30_000;
const PAIRS = 4;
/** Steps of a first run that measures the length of a step; the first half of them compiles and warms up. */
const TRIAL_STEPS = 20;

export async function benchKept(argv: readonly string[], places: Places, programs: Programs): Promise<string> {
  const trial = await run([...argv, `--train.steps=${TRIAL_STEPS}`], places, programs);
  const ends = stepEnds(trial);
  const stepMs = (ends.at(-1)! - ends[TRIAL_STEPS / 2]!) / (TRIAL_STEPS / 2 - 1);
  const window = Math.ceil(WINDOW_MS / stepMs);
  const steps = (2 * PAIRS + 1) * window;
  const collected = await run(
    [...argv, `--train.steps=${steps}`, '--checkpoint-every', `${2 * window}`, '--train.evalEvery=0'],
    places,
    programs,
  );
  const at = stepEnds(collected);
  const took = (from: number) => (at[from + window - 1]! - at[from - 1]!) / window;
  const gaps = stepGaps(collected);
  const usual = median(gaps.slice(1));
  const pairs = Array.from({ length: PAIRS - 1 }, (_, pair) => {
    const from = 2 * window * (pair + 1);
    const pauseMs = gaps[from]! - usual;
    return { with: took(from), without: (took(from - window) + took(from + window)) / 2, pauseMs };
  });
  const costs = pairs.map((pair) => pair.with / pair.without - 1);
  const adapter = [...new Set(collected.reports.map((report) => report.adapter))].join(', ');
  const row = (pair: (typeof pairs)[number]) => [
    pair.with.toFixed(2),
    pair.without.toFixed(2),
    percent(pair.with / pair.without - 1),
    pair.pauseMs.toFixed(0),
  ];
  return [
    `${collected.reports.length} ranks, ${window} steps a turn, on ${adapter}`,
    columns([['ms a step, with', 'without', 'slower by', 'pause, ms'], ...pairs.map(row)]),
    `median ${percent(median(costs))}; the pause is ${percent(median(pairs.map(({ pauseMs }) => pauseMs)) / WINDOW_MS)} of half a minute`,
  ].join('\n');
}

/** When each step was committed on rank 0, ms. */
function stepEnds({ trace }: Collected): readonly number[] {
  const norms = trace.filter(({ name, rank, lane }) => name === 'NORM' && rank === 0 && lane === 'host');
  return norms.sort((a, b) => a.step - b.step).map(({ t1 }) => t1);
}

/** By step: the time since the end of the step before it, on rank 0, ms; 0 for the first. */
function stepGaps({ trace }: Collected): readonly number[] {
  const bounds: { from: number; to: number }[] = [];
  for (const { step, rank, lane, t0, t1 } of trace) {
    if (rank !== 0 || lane !== 'host') continue;
    const { from, to } = bounds[step] ?? { from: t0, to: t1 };
    bounds[step] = { from: Math.min(from, t0), to: Math.max(to, t1) };
  }
  return bounds.map(({ from }, step) => (step === 0 ? 0 : from - bounds[step - 1]!.to));
}

const median = (values: readonly number[]) => [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)]!;

async function run(argv: readonly string[], places: Places, programs: Programs): Promise<Collected> {
  const folder = mkdtempSync(join(tmpdir(), 'bench-kept-'));
  try {
    const job = await prepareJob(parseTrainArgs([...argv, '--out', folder]), places);
    const out = new OutFolder(folder);
    const checkpoints = new CheckpointWriter(folder, job.count, job.facts, job.beside, null);
    const collected = await runJob(job, programs, { out, checkpoints, from: null });
    out.close();
    return collected;
  } finally {
    rmSync(folder, { recursive: true });
  }
}

const percent = (share: number) => `${(100 * share).toFixed(1)} %`;
