/**
 * `npm run train`: a run without a page to click. Real tabs or Node processes find each other through the real
 * signaling and WebRTC. Exits 0 only if every step ran; an error prints one sentence.
 */
import { join, relative } from 'node:path';
import { InputError } from '../errors';
import { asTyped, endProcess, type Help, runCommand } from './command';
import { parseTrainArgs, USAGE as TRAIN_USAGE } from './run/args';
import { CheckpointWriter, describedIn, newestCheckpoint } from './run/checkpoints';
import type { Keeping } from './run/filedesk';
import { type Job, prepareJob } from './run/job';
import { OutFolder } from './run/outfolder';
import { peakLines, planLines } from './run/planlines';
import { type Summary, writeResults } from './run/results';
import { runJob } from './run/runjob';

const here = import.meta.dirname;
const pages = join(here, '..', 'pages');
const example = join(here, '..', '..', 'examples', 'default.json');

/** Throws InputError if the folder has the checkpoint of an unfinished run, which would be lost. */
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
        asTyped(
          `Step ${newestStep} is kept: go on with npm run train -- --resume ${relative('.', job.outFolder) || '.'}`,
        ),
      );
    throw error;
  } finally {
    out.close();
  }
}

const HELP: Help = {
  about: 'Trains one GPT on several ranks of this machine, without a page to click.',
  usage: TRAIN_USAGE,
  examples: [
    ['npm run train', 'the default example: Moby Dick, two Chromium tabs'],
    ['npm run train -- RUN.json --tabs 4 --out out/run', 'a run file of your own on four tabs, results in out/run'],
    ['npm run train -- RUN.json --nodes 2', 'two Node processes instead of tabs'],
    ['npm run train -- RUN.json --init gpt2/', 'starts from a GPT-2, Llama or Qwen2 that transformers wrote'],
    ['npm run train -- RUN.json --init model.safetensors', 'starts from weights instead of the seed'],
    ['npm run train -- --train.steps=50 --plan.pp=2', 'replaces fields of the run file'],
    ['npm run train -- RUN.json --checkpoint-every 100', 'keeps the state every 100 steps in OUT/checkpoint'],
    ['npm run train -- --resume out/run', 'goes on from the newest checkpoint, also after Ctrl-C or a crash'],
    ['npm run train -- RUN.json --tensorboard logs', 'writes event files that tensorboard --logdir logs shows'],
    ['npm run train -- RUN.json --nodes 4 --plan=auto', 'measures ranks and links, takes the fastest exact plan'],
    ['npm run train -- RUN.json --nodes 4 --plan=auto --approximate', 'may go over to DiLoCo and fewer bits'],
    ['npm run train -- RUN.json --limit-mb 500', 'refuses a plan that needs more memory on a rank'],
    ['npm run train -- RUN.json --plans PLANS.json --switch-every 20', 'changes the plan every 20 steps'],
    ['npm run train -- RUN.json --mbit 20 --latency-ms 20', 'makes the links slow on purpose'],
    ['npm run train -- RUN.json --tabs 4 --browsers 2 --mbit 20', 'two browsers as two machines, slow links between'],
    ['npm run train -- RUN.json --slow-unit-ms 50', 'makes the ranks slow on purpose'],
    [
      'npm run train -- RUN.json --balance --slow-unit-ms 40,20,10',
      'shares of the batch by the measured speed of the ranks',
    ],
  ],
};

await runCommand(HELP, async (argv) => {
  const args = parseTrainArgs(argv);
  const { checkpoint: from, notes } = args.resumePath
    ? await newestCheckpoint(args.resumePath)
    : { checkpoint: null, notes: [] };
  const job = await prepareJob(args, { pages, example }, from);
  const out = new OutFolder(job.outFolder, from?.step ?? 0, args.tensorboardPath);
  out.check();
  if (!from) checkUnfinished(job.outFolder);
  const going = from ? [`Going on from step ${from.step} of ${job.run.train.steps}.`] : [];
  for (const note of [...notes, ...going, ...job.notes, ...planLines(job.run, job.auto)]) console.error(note);
  const checkpoints = new CheckpointWriter(job.outFolder, job.count, job.facts, job.beside, from);
  const { adapter, software, tokensPerSecond, ranks, auto } = await runToEnd(job, { out, checkpoints, from });
  if (job.auto && !auto) console.error('The run ended before plan auto had measured, so it chose no plan.');
  for (const line of peakLines(ranks)) console.error(line);
  const kind = software ? `${adapter} (software)` : adapter;
  console.log(
    `${job.run.train.steps} steps, ${Math.round(tokensPerSecond)} tokens/s on ${kind}; see ${relative('.', job.outFolder) || '.'}`,
  );
  await endProcess(0);
});
