/**
 * The planner's answer as text: what `npm run plan` prints. Reads a run file and flags and measures nothing: speed,
 * rate and latency come from flags, or are modest defaults of a laptop on a home network.
 */
import { parseArgs } from 'node:util';
import { PlanError, sentenceOf } from '../../errors';
import { approximatePlans } from '../../plan/candidates';
import { BYTES_PER_MS_OF_MBIT, type Links } from '../../plan/links';
import { parsePlan } from '../../plan/plan';
import { deviceOfSpeed, predict, type Recommendation, recommend, type Workload } from '../../plan/planner';
import type { Device, Prediction } from '../../plan/prediction';
import { isRunnable } from '../../plan/rules';
import { megabytes, nameOf, roundedMs } from '../../plan/why';
import { applyOverrides } from '../../train/overrides';
import { recordedSizes } from '../../train/rank/modelsizes';
import { parseJson, parseRunFile, type RunFile } from '../../train/runfile';

export const PLAN_USAGE = `npm run plan -- [RUN.json] [--ranks 4] [--gflops 20] [--mbit 100] [--latency-ms 5] [--limit-mb 4000] [--all] [--approximate] [--section.field=value ...]
       npm run plan -- [RUN.json] --check [--ranks 4] [--section.field=value ...]
       npm run plan -- [RUN.json] --measure [--tabs N | --nodes N] [--plans PLANS.json] [--slow-unit-ms MS] [--latency-ms MS] [--mbit N] [--limit-mb 4000] [--all] [--section.field=value ...]`;

const FLAGS = {
  ranks: { type: 'string', default: '4' },
  gflops: { type: 'string', default: '20' },
  mbit: { type: 'string', default: '100' },
  'latency-ms': { type: 'string', default: '5' },
  'limit-mb': { type: 'string', default: '4000' },
  all: { type: 'boolean', default: false },
  approximate: { type: 'boolean', default: false },
} as const;

const HEAD = ['plan', 'mb', 'ms/step', 'speed-up', 'sent MB', 'state MB', 'saved MB', 'scratch MB', 'total MB', ''];
/** Rows shown without --all. */
const SHORT = 12;

/** `all`: also the slower plans. `approximate`: also DiLoCo and sums in fewer bits. */
interface Shown {
  readonly all: boolean;
  readonly approximate: boolean;
}

/** What the arguments ask: the run without its plan, and the devices and links to plan for. */
export interface PlanQuestion {
  readonly run: RunFile;
  readonly workload: Workload;
  readonly devices: readonly Device[];
  readonly links: Links;
  readonly shown: Shown;
  /** Assumptions about what the run file leaves open, '' if there are none. */
  readonly assumed: string;
}

/** `readText` reads the run file. Throws PlanError with the way out. */
export function readQuestion(args: readonly string[], readText: (path: string) => string): PlanQuestion {
  const overrides = args.filter((arg) => /^--\w+\./.test(arg)).map((arg) => arg.slice(2));
  const { values, positionals } = readFlags(args.filter((arg) => !/^--\w+\./.test(arg)));
  const [path] = positionals;
  const file = path === undefined ? {} : parseJson(readText(path));
  // why: the planner looks for the plan, so the plan of the file is not checked against the number of ranks
  const given = parseRunFile(applyOverrides({ ...asObject(file), plan: {} }, overrides));
  const run = { ...given, model: { ...given.model, vocab: given.model.vocab || 256 } };
  const model = recordedSizes(run.model);
  const ranks = positive(values.ranks, 'ranks');
  const limitBytes = positive(values['limit-mb'], 'limit-mb') * 1e6;
  const device = deviceOfSpeed(model, positive(values.gflops, 'gflops') * 1e6, limitBytes);
  const links: Links = {
    latencyMs: positive(values['latency-ms'], 'latency-ms'),
    bytesPerMs: positive(values.mbit, 'mbit') * BYTES_PER_MS_OF_MBIT,
  };
  if (!Number.isInteger(ranks) || ranks > 64) throw new PlanError(`--ranks ${ranks} must be an integer from 1 to 64`);
  const isAssumed = given.model.vocab === 0;
  return {
    run,
    workload: { model, globalBatch: run.train.globalBatch },
    devices: Array<Device>(ranks).fill(device),
    links,
    shown: { all: values.all, approximate: values.approximate },
    assumed: isAssumed ? 'The run file leaves model.vocab to its text; 256 is assumed here.\n' : '',
  };
}

/** The table for these arguments. Throws as readQuestion. */
export function planTable(args: readonly string[], readText: (path: string) => string): string {
  const { workload, devices, links, shown, assumed } = readQuestion(args, readText);
  return assumed + answerText(workload, devices, links, shown);
}

/** The ranked plans, and one sentence why the first one is best. */
export function answerText(workload: Workload, devices: readonly Device[], links: Links, shown: Shown): string {
  const answer = recommend(workload, devices, links);
  const text = `${tableOf(answer, shown.all)}\n\n${answer.why}.`;
  return shown.approximate ? `${text}\n\n${approximateTable(workload, devices, links, answer.alone)}` : text;
}

/** The approximate forms of data parallel, in the order in which `auto` takes them. */
function approximateTable(workload: Workload, devices: readonly Device[], links: Links, alone: Prediction): string {
  const facts = { ...workload.model.shape, ranks: devices.length, globalBatch: workload.globalBatch };
  const plans = approximatePlans(parsePlan({ dp: devices.length }), Number.POSITIVE_INFINITY);
  const rows = plans
    .filter((plan) => plan.dp > 1 && isRunnable(plan, facts))
    .map((plan) => rowOf(predict(plan, workload, devices, links), alone));
  if (rows.length === 0) return 'No approximate plan runs on these ranks.';
  return `Approximate: more samples for the same loss than one tab needs.\n${columns([HEAD, ...rows])}`;
}

function readFlags(args: string[]) {
  try {
    return parseArgs({ args, options: FLAGS, allowPositionals: true });
  } catch (error) {
    throw new PlanError(`${sentenceOf(error)}; usage: ${PLAN_USAGE}`);
  }
}

function asObject(file: unknown): object {
  if (typeof file !== 'object' || file === null) throw new PlanError('the run file must be a JSON object');
  return file;
}

function positive(text: string, flag: string): number {
  const value = Number(text);
  if (!(value > 0) || !Number.isFinite(value))
    throw new PlanError(`--${flag} is "${text}"; it must be a number above 0`);
  return value;
}

function tableOf({ ranked, alone }: Recommendation, all: boolean): string {
  const shown = all ? ranked : ranked.slice(0, SHORT);
  const rows = [...shown, alone].map((prediction) => rowOf(prediction, alone));
  const more = ranked.length > shown.length ? `\n${ranked.length - shown.length} more with --all` : '';
  return columns([HEAD, ...rows]) + more;
}

function rowOf(prediction: Prediction, alone: Prediction): string[] {
  const { plan, stepMs, bytesPerStep, memory, memoryBytes, fits } = prediction;
  return [
    nameOf(plan),
    `${plan.microbatches}`,
    roundedMs(stepMs),
    `${(alone.stepMs / stepMs).toFixed(2)}x`,
    megabytes(bytesPerStep),
    megabytes(memory.param + memory.grad + memory.moment),
    megabytes(memory.saved),
    megabytes(memory.scratch),
    megabytes(memoryBytes),
    fits ? '' : 'does not fit',
  ];
}

/** Aligns the first column left, the others right. */
export function columns(rows: readonly string[][]): string {
  const widths = rows[0]!.map((_, column) => Math.max(...rows.map((row) => row[column]!.length)));
  return rows
    .map((row) =>
      row
        .map((cell, i) => (i === 0 ? cell.padEnd(widths[i]!) : cell.padStart(widths[i]!)))
        .join('  ')
        .trimEnd(),
    )
    .join('\n');
}
