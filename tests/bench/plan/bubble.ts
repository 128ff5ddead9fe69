/**
 * `npm run bench -- bubble`: the bubble of every schedule, measured from the trace of real tabs whose blocks are made
 * equally slow on purpose, beside the formula and, with a hop latency, beside the simulator. A bench and no test, because
 * it measures time; the units are long against timers and hops, so that ratios hold on a loaded machine.
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { columns } from '../../../src/cli/planning/plantable';
import { parseTrainArgs } from '../../../src/cli/run/args';
import { type Places, prepareJob } from '../../../src/cli/run/job';
import { type Programs, runJob } from '../../../src/cli/run/runjob';
import { type ParallelPlan, parsePlan, SCHEDULES, type UnitSize } from '../../../src/plan/plan';
import { clusterOf, simulate } from '../../../src/plan/simulate';
import { statsOf } from '../../../src/trace/stats';

/** The first step of a plan compiles and is not counted. */
const LEG_STEPS = 3;

const OPTIONS = {
  pp: { type: 'string', default: '4' },
  microbatches: { type: 'string', default: '8' },
  'unit-ms': { type: 'string', default: '60' },
  'latency-ms': { type: 'string', default: '0' },
  nodes: { type: 'boolean', default: false },
} as const;

export async function benchBubble(argv: readonly string[], places: Places, programs: Programs): Promise<string> {
  const { values } = parseArgs({ args: [...argv], options: OPTIONS });
  const [pp, microbatches] = [Number(values.pp), Number(values.microbatches)];
  const [unitMs, latencyMs] = [Number(values['unit-ms']), Number(values['latency-ms'])];
  const plans = SCHEDULES.map((schedule) => parsePlan({ pp, schedule, microbatches }));
  const collected = await run(plans, { pp, microbatches, unitMs, latencyMs, nodes: values.nodes }, places, programs);
  const rows = plans.map((plan, leg) => {
    const steps = [1, 2].map((step) => leg * LEG_STEPS + step);
    const { bubble } = statsOf(
      collected.trace.filter(({ step }) => steps.includes(step)),
      1,
    );
    const ms = collected.metrics.filter(({ step }) => steps.includes(step)).reduce((sum, one) => sum + one.ms, 0) / 2;
    const ideal = simulated(plan, unitMs, latencyMs);
    return { plan, bubble, ms, ideal };
  });
  const table = rows.map(({ plan, bubble, ms, ideal }) => [
    plan.schedule,
    percent(ideal.bubble),
    percent(bubble),
    `${(100 * (bubble / ideal.bubble - 1)).toFixed(1)} %`,
    ideal.makespanMs.toFixed(0),
    ms.toFixed(0),
  ]);
  const order = (of: (row: (typeof rows)[number]) => number) =>
    [...rows]
      .sort((a, b) => of(a) - of(b))
      .map(({ plan }) => plan.schedule)
      .join(' < ');
  const adapter = [...new Set(collected.reports.map((report) => report.adapter))].join(', ');
  return [
    `P ${pp}, M ${microbatches}, a pass of a block ${unitMs} ms, hop ${latencyMs} ms, on ${adapter}`,
    columns([['schedule', 'bubble', 'measured', 'off by', 'ideal ms', 'step ms'], ...table]),
    `expected ${order(({ ideal }) => ideal.makespanMs)}`,
    `measured ${order(({ ms }) => ms)}`,
  ].join('\n');
}

/** Two blocks per rank, so that schedules of two chunks have one block in each. */
async function run(
  plans: readonly ParallelPlan[],
  setting: { pp: number; microbatches: number; unitMs: number; latencyMs: number; nodes: boolean },
  places: Places,
  programs: Programs,
) {
  const { pp, microbatches, unitMs, latencyMs, nodes } = setting;
  const folder = mkdtempSync(join(tmpdir(), 'bench-bubble-'));
  try {
    const path = join(folder, 'run.json');
    const model = { layers: 2 * pp, heads: 2, dim: 32, context: 16 };
    const train = { globalBatch: microbatches, steps: LEG_STEPS * plans.length, evalEvery: 0 };
    writeFileSync(path, JSON.stringify({ model, data: { source: 'names' }, train }));
    const slow = [`--slow-unit-ms=${unitMs}`, ...(latencyMs > 0 ? [`--latency-ms=${latencyMs}`] : [])];
    const args = parseTrainArgs([path, `--${nodes ? 'nodes' : 'tabs'}=${pp}`, ...slow]);
    return await runJob(await prepareJob({ ...args, tour: { everySteps: LEG_STEPS, plans } }, places), programs);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** One step where only the blocks take time: without latency its bubble is the formula's. */
function simulated(plan: ParallelPlan, unitMs: number, latencyMs: number) {
  const unit = (name: string, cost: number): UnitSize => ({ name, paramFloats: 0, cost });
  const blocks = Array.from({ length: 2 * plan.pp }, (_, i) => unit(`block${i}`, 1));
  const units = [unit('embed', 0.01), ...blocks, unit('head', 0.01)];
  return simulate(clusterOf(plan, units), {
    passMs: (_, index) => (index > 0 && index < units.length - 1 ? unitMs : 0),
    stepMs: () => 0,
    borderBytes: 0,
    links: { latencyMs, bytesPerMs: Number.POSITIVE_INFINITY },
  });
}

function percent(share: number): string {
  return `${(100 * share).toFixed(1)} %`;
}
