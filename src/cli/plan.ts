/**
 * `npm run plan -- RUN.json`: every way to cut the run, predicted and ranked. Starts nothing, but with --measure: then the
 * planner's inputs come from a few steps of real ranks.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { InputError, sentenceOf } from '../errors';
import { type Help, runCommand } from './command';
import { measure } from './measure';
import { USAGE as PLAN_USAGE, planTable } from './plantable';

const here = import.meta.dirname;
const pages = join(here, '..', 'pages');
const places = { pages, example: join(here, '..', '..', 'examples', 'default.json') };

const HELP: Help = {
  about: 'Predicts how fast every way of cutting a run is and how much memory it takes, and names the best one.',
  usage: PLAN_USAGE,
  examples: [
    ['npm run plan -- RUN.json --ranks 8', 'eight equal devices, starts nothing'],
    ['npm run plan -- RUN.json --mbit 20 --latency-ms 20', 'over slow links'],
    ['npm run plan -- RUN.json --limit-mb 2000 --all', 'every plan, with 2 GB on each device'],
    ['npm run plan -- RUN.json --measure --tabs 4', 'measures devices and links of this machine first'],
    ['npm run plan -- RUN.json --measure --tabs 4 --plans PLANS.json', 'and runs each plan of a list'],
  ],
};

await runCommand(HELP, async (args) => {
  const programs = { pages, rank: join(here, 'noderank.js') };
  console.log(args.includes('--measure') ? await measure(args, places, programs) : planTable(args, readText));
  process.exit(0);
});

function readText(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    throw new InputError(`the run file ${path} cannot be read: ${sentenceOf(error)}`);
  }
}
