/**
 * Common parts of all commands: `--help` prints usage and examples; an error that the user can fix prints one sentence.
 */
import { basename } from 'node:path';
import { CapabilityError, ConnectError, InputError, Interrupted, PlanError, RankFailed, StorageError } from '../errors';

export interface Help {
  /** One sentence. */
  readonly about: string;
  readonly usage: string;
  /** One for each use: the command line, and what it does. */
  readonly examples: readonly (readonly [line: string, does: string])[];
}

/** Whether this process is the program of the npm package (tabtrain.ts), started by npx or by its name. */
const isPackage = basename(process.argv[1] ?? '').startsWith('tabtrain');

/** `text` with the commands as people type them here: `npx tabtrain train` in the package, `npm run train --` in the repository. */
export function asTyped(text: string, inPackage = isPackage): string {
  if (!inPackage) return text;
  return text
    .replace(/npm run (train|plan|sample|continue|join)\b( --)?/g, 'npx tabtrain $1')
    .replace(/npm start\b( --)?/g, 'npx tabtrain');
}

/** Exit code of a process that Ctrl-C ended. */
const INTERRUPTED = 130;

const FOR_PEOPLE = [PlanError, InputError, CapabilityError, ConnectError, StorageError, RankFailed, Interrupted];

/**
 * Runs `body` with the arguments of the command line. A failure ends the process with code 1, or 130 after Ctrl-C. A
 * failure that is a bug of ours is printed with its stack.
 */
export async function runCommand(help: Help, body: (args: readonly string[]) => Promise<void>): Promise<void> {
  const args = process.argv.slice(2);
  if (args.includes('--help') || args.includes('-h')) {
    console.log(helpText(help));
    return;
  }
  try {
    await body(args);
  } catch (error) {
    const isForPeople = FOR_PEOPLE.some((kind) => error instanceof kind);
    console.error(isForPeople ? asTyped((error as Error).message) : error);
    await endProcess(error instanceof Interrupted ? INTERRUPTED : 1);
  }
}

/**
 * Ends the process once its output has left. The threads of a GPU would keep the process alive, and process.exit alone
 * drops what a pipe has not taken yet.
 */
export async function endProcess(code: number): Promise<never> {
  const left = [process.stdout, process.stderr].map((stream) => new Promise((resolve) => stream.write('', resolve)));
  await Promise.all(left);
  process.exit(code);
}

export function helpText({ about, usage, examples }: Help): string {
  const typed = examples.map(([line, does]) => [asTyped(line), asTyped(does)] as const);
  const width = Math.max(...typed.map(([line]) => line.length));
  const lines = typed.map(([line, does]) => `  ${line.padEnd(width)}   ${does}`);
  return [about, '', `Usage: ${asTyped(usage)}`, '', 'Examples:', ...lines].join('\n');
}
