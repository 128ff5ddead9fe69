/**
 * `npm run bench -- together`: what training together brings. Ranks are slow on purpose and wait without computing
 * (docs/decisions/009), so one machine stands for four, and links are shaped. In one run: one rank, DDP, coded sums,
 * DiLoCo, and `auto` with and without approximate plans. Prints tokens per second, how many times one rank that is, the
 * planner's prediction, and the loss over samples and over seconds.
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { columns } from '../../../src/cli/planning/plantable';
import { parseTrainArgs } from '../../../src/cli/run/args';
import { type Places, prepareJob } from '../../../src/cli/run/job';
import { type Programs, runJob } from '../../../src/cli/run/runjob';
import type { Measured } from '../../../src/plan/auto';
import type { ParallelPlan } from '../../../src/plan/plan';
import { predict } from '../../../src/plan/planner';
import { nameOf } from '../../../src/plan/why';
import type { StepMetrics } from '../../../src/worker/api';

const OPTIONS = {
  ranks: { type: 'string', default: '4' },
  mbit: { type: 'string', default: '20' },
  'latency-ms': { type: 'string', default: '10' },
  'unit-ms': { type: 'string', default: '60' },
  /** Steps of each configuration; absent: few, as in the table below. */
  steps: { type: 'string' },
  only: { type: 'string' },
} as const;

/** 3.2 M parameters; texts of 8 tokens, so that their real computation is short beside the time they wait. */
const MODEL = { layers: 4, heads: 4, dim: 256, context: 8 };
const BATCH = 16;

interface Configuration {
  readonly name: string;
  /** Of one rank if it is not `auto` and has no dp. */
  readonly plan: object | 'auto';
  readonly flags?: readonly string[];
  /** Steps in the short form: so many that there are a few to measure, or two outer steps. */
  readonly steps: number;
}

const configurations = (ranks: number): readonly Configuration[] => [
  { name: 'auto --approximate', plan: 'auto', flags: ['--approximate'], steps: 60 },
  { name: 'auto', plan: 'auto', steps: 18 },
  { name: 'one rank', plan: {}, steps: 8 },
  { name: 'DDP f32', plan: { dp: ranks }, steps: 5 },
  { name: 'DDP int8', plan: { dp: ranks, wire: 'int8' }, steps: 12 },
  ...([10, 50] as const).flatMap((every) =>
    (['f32', 'int8'] as const).map((wire) => ({
      name: `DiLoCo ${wire}, every ${every}`,
      plan: { dp: ranks, wire, outer: { every } },
      steps: every === 10 ? 22 : 52,
    })),
  ),
];

interface Row {
  readonly name: string;
  readonly plan: ParallelPlan;
  /** Mean over whole intervals between outer steps, without steps that compile or run under another plan. */
  readonly stepMs: number;
  readonly metrics: readonly StepMetrics[];
}

export async function benchTogether(argv: readonly string[], places: Places, programs: Programs): Promise<string> {
  const { values } = parseArgs({ args: [...argv], options: OPTIONS });
  const ranks = Number(values.ranks);
  const asked = configurations(ranks).filter(({ name }) => !values.only || values.only.split(';').includes(name));
  const slow = [`--slow-unit-ms=${values['unit-ms']}`, `--mbit=${values.mbit}`, `--latency-ms=${values['latency-ms']}`];
  const rows: Row[] = [];
  const said: string[] = [];
  let measured: Measured | null = null;
  let adapter = '';
  for (const one of asked) {
    const count = one.plan === 'auto' || 'dp' in one.plan ? ranks : 1;
    const steps = Number(values.steps ?? one.steps);
    const ended = await run(one, [`--nodes=${count}`, ...slow, ...(one.flags ?? [])], steps, places, programs);
    adapter = ended.reports[0]!.adapter;
    const plan = ended.reports[0]!.plan!;
    measured ??= ended.pilot?.measured ?? null;
    if (ended.pilot?.report) said.push(`${one.name}: ${ended.pilot.report.why}`);
    const begun = Math.max(ended.begun, plan.outer?.from ?? 0);
    const row = { name: one.name, plan, stepMs: meanMs(ended.metrics, begun, plan), metrics: ended.metrics };
    rows.push(row);
    console.error(`${row.name} (${nameOf(plan)}): ${row.stepMs.toFixed(0)} ms a step`);
  }
  const title = `${ranks} ranks, ${JSON.stringify(MODEL)}, batch ${BATCH}, a pass of a block ${values['unit-ms']} ms a sample, links of ${values.mbit} Mbit/s and ${values['latency-ms']} ms each way, on ${adapter}`;
  return [title, speeds(rows, measured), losses(rows), ...said].join('\n\n');
}

async function run(
  { plan }: Configuration,
  flags: readonly string[],
  steps: number,
  places: Places,
  programs: Programs,
) {
  const folder = mkdtempSync(join(tmpdir(), 'bench-together-'));
  try {
    const path = join(folder, 'run.json');
    const train = { globalBatch: BATCH, steps, lr: 1e-3, warmupSteps: 10, evalEvery: 0 };
    writeFileSync(path, JSON.stringify({ model: MODEL, train, plan }));
    return await runJob(await prepareJob(parseTrainArgs([path, ...flags]), places), programs);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** Over the last whole intervals of the plan; the first two steps under it are left out. */
function meanMs(metrics: readonly StepMetrics[], begun: number, { outer }: ParallelPlan): number {
  const warm = metrics.filter(({ step }) => step >= begun + 2);
  const every = Math.min(outer?.every ?? 1, warm.length);
  const whole = warm.slice(warm.length - every * Math.floor(warm.length / every));
  return whole.reduce((sum, { ms }) => sum + ms, 0) / whole.length;
}

function speeds(rows: readonly Row[], measured: Measured | null): string {
  const alone = rows.find(({ name }) => name === 'one rank');
  const head = ['', 'plan it ran', 'ms a step', 'predicted', 'off by', 'tokens/s', 'times one rank', 'bytes a step'];
  const table = rows.map(({ name, plan, stepMs, metrics }) => {
    const predicted = measured && predictedMs(plan, measured);
    const sent = metrics.slice(2).map(({ bytesSent }) => bytesSent[0]!);
    return [
      name,
      nameOf(plan),
      stepMs.toFixed(0),
      predicted === null ? '' : predicted.toFixed(0),
      predicted === null ? '' : `${(100 * (predicted / stepMs - 1)).toFixed(1)} %`,
      ((BATCH * MODEL.context * 1000) / stepMs).toFixed(1),
      alone ? (alone.stepMs / stepMs).toFixed(2) : '',
      (sent.reduce((sum, bytes) => sum + bytes, 0) / sent.length).toFixed(0),
    ];
  });
  return columns([head, ...table]);
}

function predictedMs(plan: ParallelPlan, { workload, devices, links }: Measured): number {
  const ranks = plan.dp * plan.pp * plan.tp;
  return predict(plan, workload, devices.slice(0, ranks), links).stepMs;
}

/** The mean loss of the few steps before a number of samples, and before a number of seconds. */
function losses(rows: readonly Row[]): string {
  const longest = Math.max(...rows.map(({ metrics }) => metrics.length));
  const steps = [5, 10, 20, 50, 100, 200, 400, 600].filter((count) => count <= longest);
  const seconds = [10, 20, 40, 80, 160, 320, 640].filter((count) => {
    return rows.some(({ metrics }) => metrics.reduce((sum, { ms }) => sum + ms, 0) >= 1000 * count);
  });
  const table = rows.map(({ name, metrics }) => {
    let ms = 0;
    const ends = metrics.map((one) => {
      ms += one.ms;
      return ms;
    });
    const lossAt = (end: number) => {
      const last = metrics.slice(Math.max(0, end - 5), end);
      return last.reduce((sum, { loss }) => sum + loss, 0) / last.length;
    };
    return [
      name,
      ...steps.map((count) => (count <= metrics.length ? lossAt(count).toFixed(3) : '-')),
      ...seconds.map((count) => {
        const end = ends.findIndex((at) => at > 1000 * count);
        return end > 0 ? lossAt(end).toFixed(3) : '-';
      }),
    ];
  });
  const head = [
    'loss after',
    ...steps.map((count) => `${count * BATCH} samples`),
    ...seconds.map((count) => `${count} s`),
  ];
  return columns([head, ...table]);
}
