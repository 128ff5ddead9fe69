/** `npm run sample`: continues a text, token by token, with a model that a run wrote or that came from elsewhere. */
import { existsSync, readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { InputError, PlanError } from '../errors';
import { openDevice } from '../gpu/device';
import { Stream } from '../gpu/stream';
import type { Wish } from '../train/chat/continuation';
import { Talker } from '../train/chat/talker';
import { endProcess, type Help, runCommand } from './command';
import { openDawn } from './machine/dawn';
import { readFile } from './machine/readfile';

const USAGE =
  'npm run sample -- DIR --prompt TEXT [--length TOKENS] [--temperature T] [--top-k N] [--top-p P] [--seed N] [--stop TEXT]';

const HELP: Help = {
  about: 'Goes on with a text by the model in a folder: its most probable tokens, or drawn ones with a temperature.',
  usage: USAGE,
  examples: [
    ['npm run sample -- out/default --prompt "Call me"', 'the most probable 100 tokens'],
    ['npm run sample -- gpt2/ --prompt "The sea" --temperature 0.8 --top-k 40', 'drawn from the 40 most probable'],
    ['npm run sample -- out/default --prompt "The" --length 20 --stop "."', 'ends at the first full stop'],
  ],
};

const OPTIONS = {
  prompt: { type: 'string' },
  length: { type: 'string', default: '100' },
  temperature: { type: 'string', default: '0' },
  'top-k': { type: 'string', default: '0' },
  'top-p': { type: 'string', default: '1' },
  seed: { type: 'string', default: '1' },
  stop: { type: 'string', default: '' },
} as const;

function readArgs(argv: readonly string[]) {
  try {
    return parseArgs({ args: [...argv], options: OPTIONS, allowPositionals: true });
  } catch (error) {
    throw new PlanError(`${error instanceof Error ? error.message.split('.')[0] : String(error)}. Usage: ${USAGE}`);
  }
}

function numberOf(option: string, text: string, min: number, max: number, whole: boolean): number {
  const value = Number(text);
  if (text.trim() !== '' && value >= min && value <= max && (!whole || Number.isInteger(value))) return value;
  const kind = whole ? 'a whole number' : 'a number';
  throw new PlanError(`--${option} is ${JSON.stringify(text)}; it must be ${kind} from ${min} to ${max}.`);
}

/** The model's folder and the options. Throws PlanError with the usage. */
function parseSample(argv: readonly string[]): { readonly folder: string; readonly wish: Wish } {
  const { values, positionals } = readArgs(argv);
  const [folder] = positionals;
  if (folder === undefined || positionals.length > 1 || values.prompt === undefined) {
    throw new PlanError(`One folder of a model and a --prompt are needed. Usage: ${USAGE}`);
  }
  return {
    folder,
    wish: {
      prompt: values.prompt,
      length: numberOf('length', values.length, 1, 1_000_000, true),
      temperature: numberOf('temperature', values.temperature, 0, 100, false),
      topK: numberOf('top-k', values['top-k'], 0, 1_000_000, true),
      topP: numberOf('top-p', values['top-p'], 0.000001, 1, false),
      seed: numberOf('seed', values.seed, 0, 0xffffffff, true),
      stop: values.stop,
      likely: 0,
    },
  };
}

await runCommand(HELP, async (args) => {
  const { folder, wish } = parseSample(args);
  if (!existsSync(folder) || !statSync(folder).isDirectory()) {
    throw new InputError(`there is no folder ${folder}; give the one that a run wrote, with config.json in it.`);
  }
  const device = await openDevice(await openDawn());
  const read = (name: string) => readFile(join(folder, name), `${name} of the model`);
  const talker = await Talker.open(new Stream(device), { names: readdirSync(folder), read });
  const lacking = talker.lacking(wish.prompt);
  if (lacking.length > 0) {
    console.error(`The model has no token for ${lacking.map((char) => JSON.stringify(char)).join(' ')}: left out.`);
  }
  process.stdout.write(wish.prompt);
  const t0 = performance.now();
  let tokens = 0;
  for await (const { text } of talker.answer(wish)) {
    process.stdout.write(text);
    tokens++;
  }
  process.stdout.write('\n');
  console.error(`${tokens} tokens, ${Math.round((1000 * tokens) / (performance.now() - t0))} a second.`);
  await endProcess(0);
});
