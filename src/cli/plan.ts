/** `npm run plan -- RUN.json`: every way to cut the run, predicted and ranked. Starts nothing. */
import { readFileSync } from 'node:fs';
import { InputError, PlanError } from '../errors';
import { planTable } from './plantable';

try {
  console.log(planTable(process.argv.slice(2), readText));
} catch (error) {
  if (!(error instanceof PlanError || error instanceof InputError)) throw error;
  console.error(error.message);
  process.exitCode = 1;
}

function readText(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    throw new InputError(
      `the run file ${path} cannot be read: ${error instanceof Error ? error.message : String(error)}`,
    );
  }
}
