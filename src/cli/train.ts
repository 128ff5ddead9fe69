/**
 * `npm run train`: a run without any page to click, by real tabs or Node processes that find each other through the real
 * signaling and WebRTC. Exits 0 only if every step ran; what is wrong gets one sentence.
 */
import { join, relative } from 'node:path';
import { CapabilityError, ConnectError, InputError, PlanError } from '../errors';
import { newSecret } from '../net/roomkey';
import { startServer } from '../server/server';
import { parseTrainArgs } from './args';
import { Collector, RankFailed } from './collect';
import { HeadlessDesk } from './headless';
import { type Job, prepareJob } from './job';
import { launchNodes, launchTabs } from './launch';
import { Progress } from './progress';
import { checkOutFolder, type Summary, writeResults } from './results';

const here = import.meta.dirname;
const pages = join(here, '..', 'pages');
const example = join(here, '..', '..', 'examples', 'default.json');

class Interrupted extends Error {}

async function train(job: Job): Promise<Summary> {
  checkOutFolder(job.outFolder);
  const progress = new Progress(job.run.train.steps);
  const collector = new Collector(job.count, progress);
  process.once('SIGINT', () => collector.fail(new Interrupted('Interrupted: nothing was written.')));
  process.once('SIGTERM', () => collector.fail(new Interrupted('Ended from outside: nothing was written.')));
  const { count, limitBytes, handicap } = job;
  const setup = { run: JSON.stringify(job.run), peers: count, secret: newSecret(), limitBytes, handicap };
  const desk = new HeadlessDesk({ ...setup, hasInit: job.init !== null }, job, collector);
  const server = await startServer({ pages, host: '127.0.0.1', port: 0, allowPrograms: true, route: desk.route });
  try {
    const launch = {
      origin: `http://127.0.0.1:${server.port}`,
      deskPath: desk.path,
      count,
      onDeath: (index: number, reason: string) => collector.onDeath(index, reason),
    };
    const end = job.kind === 'tabs' ? await launchTabs(launch) : launchNodes(launch, join(here, 'rank.js'));
    try {
      return writeResults(job.outFolder, job.run, await collector.finished);
    } finally {
      progress.close();
      await end();
    }
  } finally {
    await server.close();
  }
}

const isForPeople = (error: unknown): error is Error =>
  [PlanError, InputError, CapabilityError, ConnectError, RankFailed, Interrupted].some((kind) => error instanceof kind);

try {
  const job = prepareJob(parseTrainArgs(process.argv.slice(2)), { pages, example });
  for (const note of job.notes) console.error(note);
  const { adapter, software, tokensPerSecond } = await train(job);
  const kind = software ? `${adapter} (software)` : adapter;
  console.log(
    `${job.run.train.steps} steps, ${Math.round(tokensPerSecond)} tokens/s on ${kind}; see ${relative('.', job.outFolder) || '.'}`,
  );
  process.exit(0);
} catch (error) {
  console.error(isForPeople(error) ? error.message : error);
  process.exit(error instanceof Interrupted ? 130 : 1);
}
