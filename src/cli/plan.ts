/**
 * `npm run plan -- RUN.json`: predicts and ranks every way to cut the run. It starts nothing, with two exceptions:
 * --measure gets the planner's inputs from a few steps of real ranks, --check allocates the buffers of one rank at a
 * time.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { InputError, sentenceOf } from '../errors';
import { Allocator } from '../train/rank/allocator';
import { endProcess, type Help, runCommand } from './command';
import { openDawn } from './machine/dawn';
import { measure } from './planning/measure';
import { checkMemoryPlans } from './planning/memorycheck';
import { PLAN_USAGE, planTable, readQuestion } from './planning/plantable';

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
    ['npm run plan -- RUN.json --mbit 20 --approximate', 'also DiLoCo and sums in fewer bits'],
    ['npm run plan -- RUN.json --check', 'allocates every plan and compares it with the prediction'],
    ['npm run plan -- RUN.json --measure --tabs 4', 'measures devices and links of this machine first'],
    ['npm run plan -- RUN.json --measure --tabs 4 --plans PLANS.json', 'and runs each plan of a list'],
  ],
};

await runCommand(HELP, async (args) => {
  const programs = { pages, rank: join(here, 'noderank.js') };
  if (args.includes('--check')) await endProcess((await check(args)) ? 0 : 1);
  console.log(args.includes('--measure') ? await measure(args, places, programs) : planTable(args, readText));
  await endProcess(0);
});

/** Prints the table and returns whether all figures agree. */
async function check(args: readonly string[]): Promise<boolean> {
  const question = readQuestion(
    args.filter((arg) => arg !== '--check'),
    readText,
  );
  const allocator = await Allocator.open(await openDawn());
  const { text, agrees } = await checkMemoryPlans(question, allocator);
  console.log(question.assumed + text);
  return agrees;
}

function readText(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    throw new InputError(`the run file ${path} cannot be read: ${sentenceOf(error)}`);
  }
}
