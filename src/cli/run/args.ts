/** The command line of `npm run train`: what was asked for, checked for form only; the run file's rules are elsewhere. */
import { parseArgs } from 'node:util';
import { PlanError } from '../../errors';
import type { Handicap } from '../../worker/api';

export interface TrainArgs {
  /** Path of the run file; absent: the default example. */
  readonly runPath: string | undefined;
  /** Kind and number of ranks; absent: as many tabs as the plan has ranks. */
  readonly ranks: { readonly kind: 'tabs' | 'nodes'; readonly count: number } | undefined;
  readonly initPath: string | undefined;
  readonly outPath: string | undefined;
  /** The output folder of a run that resumes from its newest checkpoint. */
  readonly resumePath?: string | undefined;
  /** Steps from one checkpoint to the next. */
  readonly checkpointEvery?: number | undefined;
  /** A folder for TensorBoard's event files. */
  readonly tensorboardPath?: string | undefined;
  /** Number of browsers that the tabs are in, equally many in each: tabs of one browser are one machine. */
  readonly browsers?: number;
  /** Refuse a plan that needs more bytes on a rank. */
  readonly limitBytes: number | undefined;
  /** Change the plan after every `everySteps` steps, to the next one of a file. */
  readonly tour: { readonly everySteps: number; readonly plans: string | readonly object[] } | undefined;
  /** Measure the links before the first step; never asked for by `npm run train`. */
  readonly probing?: boolean;
  /** `--plan=auto`: the run measures itself and takes the fastest plan. */
  readonly auto?: boolean;
  /** `auto` may take approximate plans. */
  readonly approximate?: boolean;
  /** Change shares of the batch and stages by the measured speed of the ranks. */
  readonly balancing?: boolean;
  /** The same for all ranks, but for what `unitMsByRank` says. */
  readonly handicap: Handicap;
  /** Handicap.unitMs of the first ranks; all further ones have that of `handicap`. */
  readonly unitMsByRank?: readonly number[];
  /** `section.field=value`, in the order given. */
  readonly overrides: readonly string[];
}

const MAX_RANKS = 64;
const OPTIONS = {
  tabs: { type: 'string' },
  nodes: { type: 'string' },
  browsers: { type: 'string' },
  init: { type: 'string' },
  out: { type: 'string' },
  resume: { type: 'string' },
  'checkpoint-every': { type: 'string' },
  tensorboard: { type: 'string' },
  'limit-mb': { type: 'string' },
  plans: { type: 'string' },
  'switch-every': { type: 'string' },
  plan: { type: 'string' },
  approximate: { type: 'boolean' },
  balance: { type: 'boolean' },
  'slow-unit-ms': { type: 'string' },
  'latency-ms': { type: 'string' },
  mbit: { type: 'string' },
} as const;
export const USAGE =
  'npm run train -- [RUN.json] [--tabs N [--browsers N] | --nodes N] [--init FOLDER | FILE.safetensors] [--out DIR] [--checkpoint-every STEPS] [--resume OUT] [--tensorboard DIR] [--limit-mb N] [--plan=auto [--approximate]] [--plans PLANS.json --switch-every STEPS] [--balance] [--slow-unit-ms MS[,MS...]] [--latency-ms MS] [--mbit N] [--section.field=value ...]';

/** Throws PlanError with the usage for an unknown option. */
export function parseTrainArgs(argv: readonly string[]): TrainArgs {
  const isOverride = (arg: string) => /^--[A-Za-z0-9]+\.[A-Za-z0-9.]+=/.test(arg);
  const overrides = argv.filter(isOverride).map((arg) => arg.slice(2));
  const { values, positionals } = readOptions(argv.filter((arg) => !isOverride(arg)));
  if (positionals.length > 1) throw new PlanError(`One run file at most, not ${positionals.length}: ${USAGE}`);
  if (values.tabs !== undefined && values.nodes !== undefined) {
    throw new PlanError('Either --tabs or --nodes: the ranks of one run are all of one kind.');
  }
  if (
    values.resume !== undefined &&
    (positionals.length > 0 || values.init !== undefined || values.out !== undefined)
  ) {
    throw new PlanError(
      '--resume OUT goes on with the run file, the weights and the folder of OUT: leave RUN.json, --init and --out away.',
    );
  }
  const browsers = wholeNumber('--browsers', values.browsers ?? '1', MAX_RANKS);
  if (browsers > 1 && values.nodes !== undefined) {
    throw new PlanError('--browsers spreads tabs over browsers, and --nodes starts processes: leave one of them out.');
  }
  const kind = values.nodes === undefined ? 'tabs' : 'nodes';
  const count = values.tabs ?? values.nodes;
  const limitMb = values['limit-mb'];
  const every = values['checkpoint-every'];
  const slow = values['slow-unit-ms'];
  const unitMsByRank = slow === undefined ? [0] : slow.split(',').map((ms) => slowness('--slow-unit-ms', ms, 10_000));
  if (values.balance && values.plans !== undefined) {
    throw new PlanError('--plans changes the plan at fixed steps, and --balance by what it measures: leave one.');
  }
  return {
    runPath: positionals[0],
    ranks: count === undefined ? undefined : { kind, count: wholeNumber(`--${kind}`, count, MAX_RANKS) },
    browsers,
    initPath: values.init,
    outPath: values.out,
    resumePath: values.resume,
    checkpointEvery: every === undefined ? undefined : wholeNumber('--checkpoint-every', every, 1_000_000),
    tensorboardPath: values.tensorboard,
    limitBytes: limitMb === undefined ? undefined : wholeNumber('--limit-mb', limitMb, 1_000_000) * 1e6,
    tour: tourOf(values.plans, values['switch-every']),
    auto: isAuto(values.plan),
    approximate: values.approximate ?? false,
    balancing: values.balance ?? false,
    unitMsByRank,
    handicap: {
      unitMs: unitMsByRank.at(-1)!,
      latencyMs: slowness('--latency-ms', values['latency-ms'], 10_000),
      mbitPerSecond: slowness('--mbit', values.mbit, 100_000),
      ...(browsers > 1 && { links: 'far' }),
    },
    overrides,
  };
}

function isAuto(plan: string | undefined): boolean {
  if (plan === undefined || plan === 'auto') return plan === 'auto';
  throw new PlanError(`--plan is ${JSON.stringify(plan)}; take --plan=auto, or set fields such as --plan.pp=2.`);
}

function tourOf(plansPath: string | undefined, every: string | undefined): TrainArgs['tour'] {
  if (plansPath === undefined && every === undefined) return undefined;
  if (plansPath === undefined || every === undefined) {
    throw new PlanError(
      '--plans and --switch-every belong together: a file with a list of plans, and how many steps each runs.',
    );
  }
  return { plans: plansPath, everySteps: wholeNumber('--switch-every', every, 1_000_000) };
}

function readOptions(args: readonly string[]) {
  try {
    return parseArgs({ args: [...args], options: OPTIONS, allowPositionals: true });
  } catch (error) {
    throw new PlanError(`${error instanceof Error ? error.message.split('.')[0] : String(error)}. Usage: ${USAGE}`);
  }
}

/** 0 (no slowdown) if the option is not given. */
function slowness(option: string, text: string | undefined, max: number): number {
  if (text === undefined) return 0;
  const value = Number(text);
  if (text.trim() !== '' && value > 0 && value <= max) return value;
  throw new PlanError(`${option} is ${JSON.stringify(text)}; it must be a number above 0, at most ${max}.`);
}

function wholeNumber(option: string, text: string, max: number): number {
  const value = Number(text);
  if (Number.isInteger(value) && value >= 1 && value <= max) return value;
  throw new PlanError(`${option} is ${JSON.stringify(text)}; it must be a whole number from 1 to ${max}.`);
}
