/** The files of a finished headless run beside its metrics and its model: summary and trace. */
import { createHash } from 'node:crypto';
import { coordOf } from '../../plan/mesh';
import { isApproximate } from '../../plan/plan';
import { toChromeTrace } from '../../trace/export';
import { statsOf } from '../../trace/stats';
import { modelCard } from '../../train/files/card';
import { parametersOf } from '../../train/files/parameters';
import { hostPlan } from '../../train/rank/hostplan';
import { memoryPlan } from '../../train/rank/memoryplan';
import type { RunFile } from '../../train/runfile';
import type { StepMetrics } from '../../worker/api';
import type { AutoReport } from './autopilot';
import type { Job } from './job';
import type { OutFolder } from './outfolder';
import type { RankMemory } from './planlines';
import type { Ended } from './runjob';

export interface Summary {
  readonly plan: RunFile['plan'];
  /** True if the numbers differ from those of one rank by more than rounding: DiLoCo, or sums sent in fewer bits. */
  readonly approximate: boolean;
  /** Of a run under the plan `auto`: what was measured and chosen; `plan` is the plan it ended with. */
  readonly auto?: AutoReport;
  readonly adapter: string;
  /** A processor did the work of a GPU: speeds say nothing about graphics cards. */
  readonly software: boolean;
  /** Without the first step, which compiles and warms up; of an auto run only steps under its last plan. */
  readonly tokensPerSecond: number;
  readonly ranks: readonly RankMemory[];
  readonly bubble: number;
  readonly overlap: number;
  /** Per rank; equal where ranks hold the same parameters. */
  readonly weightsHash: readonly string[];
}

/** Throws if ranks that should hold the same parameters differ in a bit: the run is then worth nothing. */
function summarize(run: RunFile, { pilot, begun, metrics: all, reports, trace }: Ended): Summary {
  const { plan, model, train } = run;
  const since = pilot ? begun : 0;
  const auto = pilot?.report;
  const metrics = all.filter(({ step }) => step >= since);
  const planned = memoryPlan(run);
  const host = hostPlan(run);
  const tokens = train.globalBatch * model.context;
  const stats = statsOf(trace, tokens);
  // why without the first step: its lines wait for compilers, which says nothing about the plan
  const warm = trace.filter(({ step }) => step > since);
  const { bubble, overlap } = metrics.length > 1 ? statsOf(warm, tokens) : stats;
  const weightsHash = reports.map((report) => report.weightsHash);
  checkReplicas(plan, weightsHash);
  return {
    plan,
    approximate: isApproximate(plan),
    ...(auto && { auto }),
    adapter: [...new Set(reports.map(({ adapter }) => adapter))].join(', '),
    software: reports.some(({ software }) => software),
    tokensPerSecond: tokensPerSecond(metrics),
    ranks: reports.map(({ rank, memory, bytesSent, bytesReceived, peakRssBytes }) => {
      const { busyMs, waitMs } = stats.ranks.find((found) => found.rank === rank) ?? { busyMs: 0, waitMs: 0 };
      const process = peakRssBytes === null ? {} : { peakRssBytes };
      const plans = { planned: planned[rank]!, plannedHostBytes: host[rank]! };
      return { memory, ...plans, ...process, bytesSent, bytesReceived, busyMs, waitMs };
    }),
    bubble,
    overlap,
    weightsHash,
  };
}

function checkReplicas(plan: RunFile['plan'], hashes: readonly string[]): void {
  // Under ZeRO-3 every rank holds a shard of its own.
  if (plan.zero === 3) return;
  const first = new Map<string, number>();
  hashes.forEach((hash, rank) => {
    const { pp, tp } = coordOf(rank, plan);
    const other = first.get(`${pp} ${tp}`) ?? rank;
    first.set(`${pp} ${tp}`, other);
    if (hashes[other] === hash) return;
    throw new Error(
      `ranks ${other} and ${rank} should hold the same weights and differ, so their model is worth nothing`,
    );
  });
}

function tokensPerSecond(metrics: readonly StepMetrics[]): number {
  const steps = metrics.length > 1 ? metrics.slice(1) : metrics;
  const ms = steps.reduce((sum, step) => sum + step.ms, 0);
  return ms > 0 ? (steps.reduce((sum, step) => sum + step.tokens, 0) * 1000) / ms : 0;
}

/** Write the files of a run that has ended well. The summary is of its last plan. */
export function writeResults({ run, source, tokensHash }: Job, collected: Ended, out: OutFolder): Summary {
  const plan = collected.reports[0]?.plan ?? run.plan;
  const summary = summarize({ ...run, plan }, collected);
  const blocks = Array.from({ length: run.model.layers }, (_, index) => `block${index}`);
  const files = new Map([
    ['README.md', cardOf({ run: { ...run, plan }, source, tokensHash }, collected)],
    ['summary.json', `${JSON.stringify(summary, null, 2)}\n`],
    ['trace.json', JSON.stringify(toChromeTrace(collected.trace, ['embed', ...blocks, 'head']))],
  ]);
  out.finish(files, collected.files);
  return summary;
}

function cardOf(
  { run, source, tokensHash }: Pick<Job, 'run' | 'source' | 'tokensHash'>,
  { metrics, reports }: Ended,
): string {
  return modelCard({
    run,
    step: metrics.length,
    parameters: parametersOf(run.model),
    adapters: [...new Set(reports.map(({ adapter }) => adapter))],
    loss: metrics.at(-1)?.loss,
    heldOutLoss: metrics.findLast(({ heldOutLoss }) => heldOutLoss !== undefined)?.heldOutLoss,
    // why not with a brought tokenizer: the source then holds tokens and tokenizer together
    dataHash: run.data.tokenizer === 'brought' ? '' : createHash('sha256').update(source).digest('hex'),
    tokensHash,
  });
}
