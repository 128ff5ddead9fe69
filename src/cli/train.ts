/**
 * `npm run train`: a run without any page to click, by real tabs or Node processes that find each other through the real
 * signaling and WebRTC. Exits 0 only if every step ran; what is wrong gets one sentence.
 */
import { join, relative } from 'node:path';
import { CapabilityError, ConnectError, InputError, PlanError, StorageError } from '../errors';
import { parseTrainArgs } from './args';
import { RankFailed } from './collect';
import { type Job, prepareJob } from './job';
import { OutFolder } from './outfolder';
import { planLines } from './planlines';
import { type Summary, writeResults } from './results';
import { Interrupted, runJob } from './runjob';

const here = import.meta.dirname;
const pages = join(here, '..', 'pages');
const example = join(here, '..', '..', 'examples', 'default.json');

const isForPeople = (error: unknown): error is Error =>
  [PlanError, InputError, StorageError, CapabilityError, ConnectError, RankFailed, Interrupted].some(
    (kind) => error instanceof kind,
  );

async function runToEnd(job: Job, out: OutFolder): Promise<Summary> {
  try {
    return writeResults(job, await runJob(job, { pages, rank: join(here, 'noderank.js') }, out), out);
  } finally {
    out.close();
  }
}

try {
  const job = prepareJob(parseTrainArgs(process.argv.slice(2)), { pages, example });
  const out = new OutFolder(job.outFolder);
  out.check();
  for (const note of [...job.notes, ...planLines(job.run)]) console.error(note);
  const { adapter, software, tokensPerSecond } = await runToEnd(job, out);
  const kind = software ? `${adapter} (software)` : adapter;
  console.log(
    `${job.run.train.steps} steps, ${Math.round(tokensPerSecond)} tokens/s on ${kind}; see ${relative('.', job.outFolder) || '.'}`,
  );
  process.exit(0);
} catch (error) {
  console.error(isForPeople(error) ? error.message : error);
  process.exit(error instanceof Interrupted ? 130 : 1);
}
