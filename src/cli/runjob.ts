/**
 * Runs a checked job: its own server, the ranks as tabs or Node processes, and what they hand in. Used by `npm run train`,
 * by the planner's measurements and by the benches, which keep no file.
 */
import { newSecret } from '../net/signaling/roomkey';
import { startServer } from '../server/server';
import { type Collected, Collector } from './collect';
import { HeadlessDesk } from './headless';
import type { Job } from './job';
import { launchNodes, launchTabs } from './launch';
import type { OutFolder } from './outfolder';
import { Progress } from './progress';

export interface Programs {
  /** Folder of the built pages. */
  readonly pages: string;
  /** The built cli/noderank.ts. */
  readonly rank: string;
}

const ENDS = ['SIGTERM', 'SIGHUP'] as const;

/** A signal ended the run. */
export class Interrupted extends Error {}

/** Rejects with RankFailed, ConnectError, CapabilityError or Interrupted; nothing is left running in any case. */
export async function runJob(job: Job, { pages, rank }: Programs, out: OutFolder | null = null): Promise<Collected> {
  const progress = new Progress(job.run.train.steps);
  const collector = new Collector(job.count, progress, (metrics) => out?.step(metrics));
  const onInterrupt = () => collector.fail(new Interrupted('Interrupted: nothing was written.'));
  const onEnd = () => collector.fail(new Interrupted('Ended from outside: nothing was written.'));
  process.once('SIGINT', onInterrupt);
  for (const signal of ENDS) process.once(signal, onEnd);
  const { count, limitBytes, handicap, tour, probing } = job;
  const setup = {
    run: JSON.stringify(job.run),
    peers: count,
    secret: newSecret(),
    limitBytes,
    handicap,
    tour,
    probing,
  };
  const desk = new HeadlessDesk({ ...setup, hasInit: job.init !== null, delivers: out !== null }, job, collector, out);
  const server = await startServer({ pages, host: '127.0.0.1', port: 0, allowPrograms: true, route: desk.route });
  try {
    const launch = {
      origin: `http://127.0.0.1:${server.port}`,
      deskPath: desk.path,
      count,
      onDeath: (index: number, reason: string) => collector.onDeath(index, reason),
    };
    const end = job.kind === 'tabs' ? await launchTabs(launch) : launchNodes(launch, rank);
    try {
      return await collector.finished;
    } finally {
      progress.close();
      await end();
    }
  } finally {
    process.off('SIGINT', onInterrupt);
    for (const signal of ENDS) process.off(signal, onEnd);
    await server.close();
    await desk.close();
  }
}
