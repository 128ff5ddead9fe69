/**
 * `npm run train`: a run without any page to click, by real tabs or Node processes that find each other through the real
 * signaling and WebRTC. Exits 0 only if every step ran; what is wrong gets one sentence.
 */
import { join, relative } from 'node:path';
import { CapabilityError, ConnectError, InputError, PlanError, StorageError } from '../errors';
import { parseTrainArgs } from './args';
import { CheckpointWriter, describedIn, newestCheckpoint } from './checkpoints';
import { RankFailed } from './collect';
import type { Keeping } from './filedesk';
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

/** Throws InputError where a run that is not over has its checkpoint: it would be lost. */
function checkUnfinished(outFolder: string): void {
  const kept = describedIn(outFolder);
  const folder = relative('.', outFolder) || '.';
  if (!kept || kept.step >= kept.run.train.steps) return;
  throw new InputError(
    `${folder} has the checkpoint of a run at step ${kept.step} of ${kept.run.train.steps}: go on with --resume ${folder}, choose another folder with --out, or remove ${folder}/checkpoint`,
  );
}

async function runToEnd(job: Job, keeping: Keeping): Promise<Summary> {
  const { out, checkpoints } = keeping;
  try {
    return writeResults(job, await runJob(job, { pages, rank: join(here, 'noderank.js') }, keeping), out);
  } catch (error) {
    const { newestStep } = checkpoints;
    if (newestStep === null) console.error('No checkpoint of this run is kept.');
    else
      console.error(
        `Step ${newestStep} is kept: go on with npm run train -- --resume ${relative('.', job.outFolder) || '.'}`,
      );
    throw error;
  } finally {
    out.close();
  }
}

try {
  const args = parseTrainArgs(process.argv.slice(2));
  const { checkpoint: from, notes } = args.resumePath
    ? await newestCheckpoint(args.resumePath)
    : { checkpoint: null, notes: [] };
  const job = prepareJob(args, { pages, example }, from);
  const out = new OutFolder(job.outFolder, from?.step ?? 0, args.tensorboardPath);
  out.check();
  if (!from) checkUnfinished(job.outFolder);
  const going = from ? [`Going on from step ${from.step} of ${job.run.train.steps}.`] : [];
  for (const note of [...notes, ...going, ...job.notes, ...planLines(job.run)]) console.error(note);
  const checkpoints = new CheckpointWriter(job.outFolder, job.count, job.facts, job.tokenizer, from);
  const { adapter, software, tokensPerSecond } = await runToEnd(job, { out, checkpoints, from });
  const kind = software ? `${adapter} (software)` : adapter;
  console.log(
    `${job.run.train.steps} steps, ${Math.round(tokensPerSecond)} tokens/s on ${kind}; see ${relative('.', job.outFolder) || '.'}`,
  );
  process.exit(0);
} catch (error) {
  console.error(isForPeople(error) ? error.message : error);
  process.exit(error instanceof Interrupted ? 130 : 1);
}
