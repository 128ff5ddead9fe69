/**
 * Prepares a headless run before anything is started: run file, number of ranks, text and weights are all checked here.
 * Bad input ends with one sentence and has no other effect.
 */
import { createHash } from 'node:crypto';
import { basename, dirname, join, resolve } from 'node:path';
import { InputError, PlanError } from '../../errors';
import type { AutoMode } from '../../plan/pilot';
import { parsePlan } from '../../plan/plan';
import type { Receipt } from '../../storage/bytes';
import { checkedTokens } from '../../train/files/llamacpp';
import { initFile, sourceOf, withModel } from '../../train/files/startmodel';
import { applyOverrides } from '../../train/overrides';
import { checkMemory } from '../../train/rank/fits';
import { parseJson, parseRunFile, type RunFile } from '../../train/runfile';
import { prepare } from '../../train/trainer/given/prepared';
import type { Handicap, Tour } from '../../worker/api';
import { findBrowser } from '../machine/browser';
import { readFile } from '../machine/readfile';
import type { TrainArgs } from './args';
import { calibratingTour } from './autopilot';
import { type Checkpoint, type CheckpointFacts, SOURCE } from './checkpoints';
import { readInit } from './init';
import { readSource, withValBin } from './source';

export interface Job {
  /** With the vocabulary filled in. */
  readonly run: RunFile;
  readonly kind: 'tabs' | 'nodes';
  readonly count: number;
  /** The machine of each rank, as long as no plan has seated them otherwise. */
  readonly machines: readonly string[];
  readonly source: Uint8Array;
  /** For the model card: SHA-256 of checkedTokens (llamacpp.ts). */
  readonly tokensHash: string;
  readonly init: Uint8Array | null;
  readonly outFolder: string;
  readonly limitBytes: number | null;
  readonly handicap: Handicap;
  readonly unitMsByRank: readonly number[];
  /** Change shares and stages by the measured speed of the ranks. */
  readonly balancing: boolean;
  readonly tour: Tour | null;
  /** The plan is `auto`: `tour` has the calibrating plans. */
  readonly auto: AutoMode | null;
  /** Measure the links before the first step. */
  readonly probing: boolean;
  /** What a checkpoint stores about this run, and its files beside the state. */
  readonly facts: CheckpointFacts;
  readonly beside: ReadonlyMap<string, Uint8Array>;
  /** Choices made for the user, one sentence each. */
  readonly notes: readonly string[];
}

export interface Places {
  /** Folder of the built pages, with the built-in texts below. */
  readonly pages: string;
  /** The run file when none is given. */
  readonly example: string;
}

const DEFAULT_RANKS = 2;

/**
 * Rejects with PlanError or InputError with the sentence for the user. `from` is the checkpoint to resume from: it determines
 * the run except where `args` say otherwise.
 */
export async function prepareJob(args: TrainArgs, places: Places, from: Checkpoint | null = null): Promise<Job> {
  const path = from ? join(from.folder, 'run.json') : (args.runPath ?? places.example);
  const init = args.initPath === undefined ? null : readInit(args.initPath);
  // why not the example's: its rate is for a small model with random weights
  const isOfModel = init?.decides && args.runPath === undefined;
  const written = from?.run ?? (isOfModel ? {} : parseJson(readFile(path, 'the run file').toString('utf8')));
  const auto = autoModeOf(args, written, from);
  const given = applyOverrides(auto ? withPlan(written, {}) : written, args.overrides);
  const plans = args.tour && readPlans(args.tour.plans);
  const { file, notes: changes } = withModel(plans ? withPlan(given, plans[0]) : given, init);
  const { count, plan, notes } = ranksOf(args, file);
  const stated = parseRunFile(withPlan(file, plan), count);
  // why not of a checkpoint: its run says what was held out
  const parsed = from ? stated : { ...stated, data: withValBin(stated.data, path) };
  const legs = plans?.map((one) => parseRunFile(withPlan(file, one), count).plan);
  const source = from?.source ?? sourceOf(parsed, readSource(parsed.data, path, places.pages), init);
  const { run, corpus } = await prepare(parsed, source);
  const text = { sizeBytes: source.byteLength, sha256: createHash('sha256').update(source).digest('hex') };
  if (from) checkSame(from, run, text);
  const kind = args.ranks?.kind ?? from?.kind ?? (findBrowser() ? 'tabs' : 'nodes');
  const outFolder = resolve(args.resumePath ?? args.outPath ?? join('out', basename(path).replace(/\.json$/, '')));
  const everySteps = args.checkpointEvery ?? from?.everySteps ?? 0;
  const calibrating = auto && calibratingTour(run, count, from?.step ?? 0, args.limitBytes);
  for (const leg of calibrating?.plans ?? legs ?? [run.plan])
    if (args.limitBytes) checkMemory(run, leg, args.limitBytes);
  return {
    run: calibrating ? { ...run, plan: calibrating.plans[0]! } : run,
    kind,
    count,
    machines: machinesOf(count, args.browsers ?? 1),
    source,
    tokensHash: createHash('sha256').update(checkedTokens(corpus.tokenizer)).digest('hex'),
    init: init && initFile(init, run.model),
    outFolder,
    limitBytes: args.limitBytes ?? null,
    handicap: args.handicap,
    unitMsByRank: args.unitMsByRank ?? [],
    balancing: args.balancing ?? false,
    probing: args.probing ?? auto !== null,
    tour: calibrating ?? (args.tour && legs ? { everySteps: args.tour.everySteps, plans: legs } : null),
    auto,
    facts: { run, kind, text, folder: from?.folder ?? dirname(resolve(path)), everySteps, ...(auto && { auto }) },
    beside: new Map([
      ['tokenizer.json', Buffer.from(corpus.tokenizer.json())],
      ...(run.data.tokenizer === 'brought' ? [[SOURCE, source] as const] : []),
    ]),
    notes: [
      ...(init?.notes ?? []),
      ...changes,
      ...heldOutNote(stated, parsed),
      ...(corpus.note === '' ? [] : [corpus.note]),
      ...notes,
    ],
  };
}

/** Tabs of one browser are one machine, and so are all ranks of a run without a browser. */
function machinesOf(count: number, browsers: number): readonly string[] {
  if (count % browsers !== 0) {
    throw new PlanError(
      `--browsers ${browsers} does not divide ${count} ranks: every browser gets equally many tabs, so take a divisor of ${count}`,
    );
  }
  return Array.from({ length: count }, (_, rank) => `browser ${Math.floor((rank * browsers) / count)}`);
}

const heldOutNote = (stated: RunFile, { data }: RunFile) =>
  data.heldOut === stated.data.heldOut ? [] : [`${data.heldOut} lies beside the source and is held out.`];

/** Whether the plan of a run is `auto`, by its file, its flags or its checkpoint. */
function autoModeOf(args: TrainArgs, file: unknown, from: Checkpoint | null): AutoMode | null {
  const isFixed = args.overrides.some((override) => override.startsWith('plan.'));
  const kept = isFixed ? undefined : from?.auto;
  const isAuto = args.auto || kept !== undefined || isAutoFile(file);
  if (!isAuto) {
    if (args.approximate) throw new PlanError('--approximate is for the plan auto: add --plan=auto.');
    return null;
  }
  if (args.balancing)
    throw new PlanError('--balance changes shares by what it measures, and so does auto: leave --balance out.');
  if (args.tour)
    throw new PlanError('--plans changes the plan at fixed steps, and auto by what it measures: leave one.');
  return args.approximate ? 'approximate' : (kept ?? 'exact');
}

/** A state can be resumed only with the model and the text that it was trained with. */
function checkSame(from: Checkpoint, run: RunFile, text: Receipt): void {
  const said = (value: unknown) => JSON.stringify(value) ?? 'left out';
  const fields = new Set([...Object.keys(run.model), ...Object.keys(from.run.model)]) as Set<keyof RunFile['model']>;
  for (const field of fields) {
    const [kept, asked] = [said(from.run.model[field]), said(run.model[field])];
    if (kept === asked) continue;
    throw new PlanError(
      `model.${field} is ${kept} in the checkpoint and ${asked} is asked for: a state goes on with its own model only`,
    );
  }
  if (run.data.tokenizer !== from.run.data.tokenizer || text.sha256 !== from.text.sha256) {
    throw new InputError(
      `the text of ${run.data.source} (${text.sizeBytes} bytes, ${run.data.tokenizer} tokens) is not the one of the checkpoint (${from.run.data.source}, ${from.text.sizeBytes} bytes, ${from.run.data.tokenizer} tokens): a state goes on with its own text only`,
    );
  }
  if (from.step >= run.train.steps) {
    throw new PlanError(
      `the run has all its steps: train.steps ${run.train.steps} <= ${from.step}, the step of the checkpoint; raise it with --train.steps=N`,
    );
  }
}

const isObject = (value: unknown): value is object =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

const isAutoFile = (file: unknown): boolean =>
  isObject(file) && (('plan' in file && file.plan === 'auto') || ('auto' in file && file.auto === true));

/** Leaves a value that is not an object as it is: the run file's own check reports it. */
const withPlan = (file: unknown, plan: unknown): unknown => (isObject(file) ? { ...file, plan } : file);

/** Number of ranks, and the plan as data with its dp; the command line overrides the file. */
function ranksOf(args: TrainArgs, file: unknown): { count: number; plan: object; notes: readonly string[] } {
  const given: unknown = isObject(file) && 'plan' in file ? file.plan : {};
  const { dp, pp, tp } = parsePlan(given);
  const plan = given as { readonly dp?: number };
  if (!args.ranks) {
    const count = args.runPath === undefined && plan.dp === undefined ? DEFAULT_RANKS * pp * tp : dp * pp * tp;
    return { count, plan: { ...plan, dp: count / (pp * tp) }, notes: [] };
  }
  const { count, kind } = args.ranks;
  const isFixed = args.overrides.some((override) => override.startsWith('plan.dp='));
  if (isFixed || count === dp * pp * tp) return { count, plan, notes: [] };
  if (count % (pp * tp) !== 0) {
    throw new PlanError(
      `--${kind} ${count} is no multiple of plan.pp ${pp} x plan.tp ${tp} = ${pp * tp}: take ${Math.ceil(count / (pp * tp)) * pp * tp}, or change pp or tp`,
    );
  }
  const replicas = count / (pp * tp);
  const note = `plan.dp is ${replicas} instead of ${plan.dp}, because --${kind} ${count} asks for ${count} ranks.`;
  return { count, plan: { ...plan, dp: replicas }, notes: plan.dp === undefined ? [] : [note] };
}

/** The plans of a tour, as data; they are validated together with the run. */
export function readPlans(path: string | readonly object[]): readonly object[] {
  if (typeof path !== 'string') return path;
  const plans = parseJson(readFile(path, 'the list of plans').toString('utf8'));
  if (Array.isArray(plans) && plans.length > 0 && plans.every((plan) => typeof plan === 'object' && plan !== null)) {
    return plans;
  }
  throw new InputError(`the list of plans in ${path} must be a JSON array of at least one plan, as in a run file`);
}
