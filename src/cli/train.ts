/**
 * `npm run train`: a run without any page to click, by real tabs or Node processes that find each other through the real
 * signaling and WebRTC. Exits 0 only if every step ran; what is wrong gets one sentence.
 */
import { join, relative } from 'node:path';
import { parseTrainArgs, USAGE as TRAIN_USAGE } from './args';
import { type Help, runCommand } from './command';
import { prepareJob } from './job';
import { planLines } from './planlines';
import { checkOutFolder, writeResults } from './results';
import { runJob } from './runjob';

const here = import.meta.dirname;
const pages = join(here, '..', 'pages');
const example = join(here, '..', '..', 'examples', 'default.json');

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
    ['npm run train -- RUN.json --limit-mb 500', 'refuses a plan that needs more memory on a rank'],
    ['npm run train -- RUN.json --plans PLANS.json --switch-every 20', 'changes the plan every 20 steps'],
    ['npm run train -- RUN.json --mbit 20 --latency-ms 20', 'makes the links slow on purpose'],
    ['npm run train -- RUN.json --slow-unit-ms 50', 'makes the ranks slow on purpose'],
  ],
};

await runCommand(HELP, async (args) => {
  const job = prepareJob(parseTrainArgs(args), { pages, example });
  checkOutFolder(job.outFolder);
  for (const note of [...job.notes, ...planLines(job.run)]) console.error(note);
  const collected = await runJob(job, { pages, rank: join(here, 'noderank.js') });
  const { adapter, software, tokensPerSecond } = writeResults(job, collected);
  const kind = software ? `${adapter} (software)` : adapter;
  console.log(
    `${job.run.train.steps} steps, ${Math.round(tokensPerSecond)} tokens/s on ${kind}; see ${relative('.', job.outFolder) || '.'}`,
  );
  process.exit(0);
});
