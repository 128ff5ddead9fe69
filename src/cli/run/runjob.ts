/**
 * Runs a checked job: starts its own server and the ranks (tabs or Node processes), and collects their results. Used by
 * `npm run train`, by the planner's measurements and by the benches; the last two keep no files.
 */
import { Interrupted } from '../../errors';
import { newSecret } from '../../net/signaling/roomkey';
import type { AutoMode } from '../../plan/pilot';
import type { ParallelPlan } from '../../plan/plan';
import { startServer } from '../../server/server';
import type { HeadlessSetup } from '../../worker/headless';
import { Autopilot } from './autopilot';
import { type Collected, Collector } from './collect';
import { FileDesk, type Keeping } from './filedesk';
import { HeadlessDesk } from './headless';
import type { Job } from './job';
import { launchNodes, launchTabs } from './launch';
import { Progress } from './progress';

export interface Programs {
  /** Folder of the built pages. */
  readonly pages: string;
  /** The built cli/noderank.ts. */
  readonly rank: string;
}

/** The results of a run, with the pilot of its plan if that was `auto`. */
export interface Ended extends Collected {
  readonly pilot: Autopilot | null;
}

const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

/**
 * The first signal asks the ranks to finish their step and to keep it, if `keeping` is given; a second one ends the run
 * at once. Rejects with RankFailed, ConnectError, CapabilityError or Interrupted; nothing is left running in any case.
 */
export async function runJob(job: Job, { pages, rank }: Programs, keeping: Keeping | null = null): Promise<Ended> {
  const progress = new Progress(job.run.train.steps);
  const pilot: Autopilot | null = job.auto && pilotOf(job, job.auto, progress, (plan) => desk.order(plan));
  const collector = new Collector(job.count, progress, {
    step(metrics) {
      keeping?.out.step(metrics);
      pilot?.onStep(metrics.step);
    },
    plan: (plan) => pilot?.onPlan(plan),
    measured: (index, events) => pilot?.onMeasured(index, events),
  });
  const files = keeping && new FileDesk(keeping, (name) => collector.onFile(name));
  const desk = new HeadlessDesk(setupOf(job, keeping), job, collector, files);
  let isAsked = false;
  const onSignal = () => {
    const canKeep = !isAsked && keeping !== null && collector.end();
    isAsked = true;
    if (!canKeep) return collector.fail(new Interrupted('Interrupted.'));
    progress.say('Finishing the step and writing a checkpoint; once more ends at once.');
    desk.end();
  };
  for (const signal of SIGNALS) process.on(signal, onSignal);
  const server = await startServer({ pages, host: '127.0.0.1', port: 0, programsMayOpen: true, route: desk.route });
  try {
    const launch = {
      origin: `http://127.0.0.1:${server.port}`,
      deskPath: desk.path,
      count: job.count,
      onDeath: (index: number, reason: string) => collector.onDeath(index, reason),
    };
    const ranks = job.kind === 'tabs' ? await launchTabs(launch, job.machines) : launchNodes(launch, rank);
    try {
      const collected = await collector.finished;
      if (!collected.isDone) throw new Interrupted('Interrupted.');
      const peakRssBytes = await ranks.peakRssBytes();
      const reports = collected.reports.map((report) => ({
        ...report,
        peakRssBytes: report.peakRssBytes ?? peakRssBytes,
      }));
      return { ...collected, reports, pilot };
    } finally {
      progress.close();
      await ranks.end();
    }
  } finally {
    for (const signal of SIGNALS) process.off(signal, onSignal);
    await server.close();
    await files?.close();
  }
}

function pilotOf(
  { run, machines, tour, limitBytes }: Job,
  mode: AutoMode,
  progress: Progress,
  order: (plan: ParallelPlan) => void,
): Autopilot {
  return new Autopilot(run, machines, tour!, mode, limitBytes, order, (sentence) => progress.say(sentence));
}

function setupOf(job: Job, keeping: Keeping | null): HeadlessSetup {
  const { count, limitBytes, handicap, unitMsByRank, balancing, tour, probing, facts, init } = job;
  const from = keeping?.from ?? null;
  return {
    run: JSON.stringify(job.run),
    peers: count,
    secret: newSecret(),
    limitBytes,
    handicap,
    unitMsByRank,
    balancing,
    tour,
    probing,
    measuredAt: job.auto && tour ? (tour.from ?? 0) + tour.plans.length * tour.everySteps : null,
    hasInit: init !== null,
    delivers: keeping !== null,
    everySteps: facts.everySteps,
    resume: from && { step: from.step, files: from.files.filter(({ name }) => name.endsWith('.safetensors')) },
  };
}
