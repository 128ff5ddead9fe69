/**
 * `npm run plan -- RUN.json --measure`: runs a few steps under calibrating plans on real ranks to get the planner's
 * inputs. With --plans it also runs every plan of a list and prints the predictions beside the measurements.
 */
import type { Measured } from '../../plan/auto';
import { hasFar } from '../../plan/linkcosts';
import { BYTES_PER_MS_OF_MBIT, type Links } from '../../plan/links';
import { calibrations, legsOf, measuredDevices, measuredLinks } from '../../plan/measured';
import type { ParallelPlan } from '../../plan/plan';
import { predict, type Workload } from '../../plan/planner';
import type { Prediction } from '../../plan/prediction';
import { isRunnable } from '../../plan/rules';
import { planAt, type Tour } from '../../plan/tour';
import { nameOf, roundedMs } from '../../plan/why';
import { recordedSizes } from '../../train/rank/modelsizes';
import { parseTrainArgs, type TrainArgs } from '../run/args';
import type { Collected } from '../run/collect';
import { type Places, prepareJob, readPlans } from '../run/job';
import { type Programs, runJob } from '../run/runjob';
import { answerText, columns } from './plantable';

/** Steps of each plan; the first one compiles and warms up and is not counted. */
const LEG_STEPS = 3;
/** Memory that a device may use if no limit is given. */
const DEFAULT_LIMIT_BYTES = 4e9;
const DEFAULT_RANKS = 4;

/** A plan that was predicted and run. */
export interface Trial {
  readonly predicted: Prediction;
  readonly measuredMs: number;
}

/** The ranks of a run as they were measured, and the plans that were tried on them. */
interface Measurement extends Measured {
  readonly trials: readonly Trial[];
  /** Of the ranks: kind, number and adapter. */
  readonly on: string;
}

/** Runs the ranks and returns the text to print. Throws PlanError and whatever runJob does. */
export async function measure(argv: readonly string[], places: Places, programs: Programs): Promise<string> {
  const { shown, plansPath, args } = readMeasureArgs(argv);
  const listed = plansPath === undefined ? [] : readPlans(plansPath);
  const { workload, devices, links, trials, on } = await tryPlans(args, listed, places, programs);
  const { F, I, W } = devices[0]!.passMs.block;
  const found = [
    `Measured on ${on}:`,
    `a pass through a block takes ${roundedMs(F)} (F), ${roundedMs(I)} (I), ${roundedMs(W)} ms (W) a sample and ${roundedMs(devices[0]!.launchMs)} ms whatever its size;`,
    `${linkFacts(links)}, reading back and uploading take ${roundedMs(links.hostMs ?? 0)} ms.`,
  ].join(' ');
  return [found, answerText(workload, devices, links, shown), ...(trials.length > 0 ? [trialTable(trials)] : [])].join(
    '\n\n',
  );
}

/** Measures the ranks by calibrating plans, then runs each plan of `listed` for `legSteps` steps, in one run. */
export async function tryPlans(
  args: TrainArgs,
  listed: readonly object[],
  places: Places,
  programs: Programs,
  legSteps = LEG_STEPS,
): Promise<Measurement> {
  const { workload, job, tried } = await prepareMeasurement(args, listed, places, legSteps);
  const collected = await runJob(job, programs);
  const limitBytes = args.limitBytes ?? DEFAULT_LIMIT_BYTES;
  const legs = legsOf(job.tour!, collected.trace);
  const devices = measuredDevices(legs, workload, job.count, limitBytes);
  const links =
    job.count > 1
      ? measuredLinks(collected.trace, legs, job.machines)
      : { latencyMs: 0, bytesPerMs: Number.POSITIVE_INFINITY };
  const trials = tried.map((plan) => ({
    predicted: predict(plan, workload, devices, links),
    measuredMs: stepMs(job.tour!, collected, plan),
  }));
  const adapter = [...new Set(collected.reports.map((report) => report.adapter))].join(', ');
  return { workload, devices, links, trials, on: `${job.count} ${job.kind} (${adapter})` };
}

/** `a link has 10 ms and 20 Mbit/s, all links of a rank 60 Mbit/s`, and the same of near and relayed links. */
export function linkFacts(links: Links): string {
  const words = ({ latencyMs, bytesPerMs, deviceBytesPerMs = Number.POSITIVE_INFINITY }: Links) =>
    `has ${roundedMs(latencyMs)} ms and ${mbit(bytesPerMs)} Mbit/s, all links of a rank ${mbit(deviceBytesPerMs)} Mbit/s`;
  const { inside, relayed } = links;
  return [
    ...(hasFar(links) ? [`${inside || relayed ? 'a far' : 'a'} link ${words(links)}`] : []),
    ...(inside ? [`a near one ${words(inside.links)}`] : []),
    ...(relayed ? [`one through the server ${words(relayed.links)}`] : []),
  ].join('; ');
}

/** Predictions beside measurements, the fastest measured first, and how good the planner's choice among them was. */
export function trialTable(trials: readonly Trial[]): string {
  const sorted = [...trials].sort((a, b) => a.measuredMs - b.measuredMs);
  const rows = sorted.map(({ predicted, measuredMs }) => [
    nameOf(predicted.plan),
    `${predicted.plan.microbatches}`,
    roundedMs(predicted.stepMs),
    roundedMs(measuredMs),
    percent(predicted.stepMs / measuredMs - 1),
  ]);
  const choice = trials.reduce((best, trial) => (trial.predicted.stepMs < best.predicted.stepMs ? trial : best));
  const worst = Math.max(...trials.map(({ predicted, measuredMs }) => Math.abs(predicted.stepMs / measuredMs - 1)));
  const behind = choice.measuredMs / sorted[0]!.measuredMs - 1;
  return [
    columns([['plan', 'mb', 'predicted ms', 'measured ms', 'off by'], ...rows]),
    '',
    `The prediction is off by at most ${(100 * worst).toFixed(1)} %; its first choice of these, ${nameOf(choice.predicted.plan)}, is ${(100 * behind).toFixed(1)} % slower than the fastest.`,
  ].join('\n');
}

function mbit(bytesPerMs: number): string {
  return (bytesPerMs / BYTES_PER_MS_OF_MBIT).toFixed(0);
}

function percent(ratio: number): string {
  return `${ratio < 0 ? '' : '+'}${(100 * ratio).toFixed(1)} %`;
}

/** Separates the planner's own options from the rest, which are those of `npm run train`. */
function readMeasureArgs(argv: readonly string[]) {
  const rest: string[] = [];
  let plansPath: string | undefined;
  for (let i = 0; i < argv.length; i++) {
    const arg = argv[i]!;
    if (arg === '--plans') plansPath = argv[++i];
    else if (arg.startsWith('--plans=')) plansPath = arg.slice('--plans='.length);
    else if (!['--measure', '--all', '--approximate'].includes(arg)) rest.push(arg);
  }
  const shown = { all: argv.includes('--all'), approximate: argv.includes('--approximate') };
  return { shown, plansPath, args: parseTrainArgs(rest) };
}

/** The job whose tour runs the calibrating plans, then those of the list. */
async function prepareMeasurement(args: TrainArgs, listed: readonly object[], places: Places, legSteps: number) {
  const ranks = args.ranks?.count ?? DEFAULT_RANKS;
  const tourOf = (plans: readonly object[]) => ({ everySteps: legSteps, plans });
  const { run } = await prepareJob({ ...args, tour: tourOf([{ dp: ranks }]) }, places);
  const workload: Workload = { model: recordedSizes(run.model), globalBatch: run.train.globalBatch };
  const facts = { ...run.model, ranks, globalBatch: workload.globalBatch };
  const calibrating = calibrations(ranks, workload.globalBatch).filter((plan) => isRunnable(plan, facts));
  const plans: readonly object[] = [...calibrating, ...listed];
  const overrides = [...args.overrides, `train.steps=${legSteps * plans.length}`, 'train.evalEvery=0'];
  // why no limit: a plan that does not fit is predicted, not run
  const job = await prepareJob(
    { ...args, overrides, tour: tourOf(plans), probing: true, limitBytes: undefined },
    places,
  );
  return { workload, job, tried: job.tour!.plans.slice(calibrating.length) };
}

function stepMs(tour: Tour, { metrics }: Collected, plan: ParallelPlan): number {
  const mine = metrics.filter(({ step }) => step % tour.everySteps > 0 && planAt(tour, step) === plan);
  return mine.reduce((sum, { ms }) => sum + ms, 0) / mine.length;
}
