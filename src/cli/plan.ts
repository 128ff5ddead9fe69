/**
 * `npm run plan -- RUN.json`: every way to cut the run, predicted and ranked. Starts nothing, but with --measure: then the
 * planner's inputs come from a few steps of real ranks.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { CapabilityError, ConnectError, InputError, PlanError, sentenceOf } from '../errors';
import { RankFailed } from './collect';
import { measure } from './measure';
import { planTable } from './plantable';
import { Interrupted } from './runjob';

const here = import.meta.dirname;
const pages = join(here, '..', 'pages');
const places = { pages, example: join(here, '..', '..', 'examples', 'default.json') };
const KINDS = [PlanError, InputError, CapabilityError, ConnectError, RankFailed, Interrupted];

try {
  const args = process.argv.slice(2);
  const measured = args.includes('--measure');
  console.log(
    measured ? await measure(args, places, { pages, rank: join(here, 'noderank.js') }) : planTable(args, readText),
  );
  process.exit(0);
} catch (error) {
  console.error(KINDS.some((kind) => error instanceof kind) ? (error as Error).message : error);
  process.exit(1);
}

function readText(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    throw new InputError(`the run file ${path} cannot be read: ${sentenceOf(error)}`);
  }
}
