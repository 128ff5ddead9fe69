/**
 * `npm run gpu-day [-- PART ...]`: everything worth knowing of a machine with a graphics chip, in eight minutes at most.
 * Each part is a child process with a time limit, so that one that hangs or dies costs only itself. One JSON, one table.
 */
import { spawn } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { type Help, runCommand } from '../../../src/cli/command';
import { InputError } from '../../../src/errors';
import { chipDrivers } from './drivers';
import { PARTS, type PartName } from './parts';
import { tableOf } from './table';

const HELP: Help = {
  about: 'Tests and measures this machine’s graphics chip; writes gpu-day.json and prints a table.',
  usage: `npm run gpu-day [-- --out FILE] [${Object.keys(PARTS).join(' | ')} ...]`,
  examples: [
    ['npm run gpu-day', 'all parts, at most eight minutes'],
    ['npm run gpu-day -- products torch', 'matrix products beside PyTorch'],
  ],
};

/** Seconds of all parts together. */
const LIMIT_S = 480;
/** Before the line with a part's result. */
const MARK = '@@result ';

export interface PartResult {
  readonly part: string;
  readonly seconds: number;
  /** What the part measured, or why it did not. */
  readonly result?: unknown;
  readonly failed?: string;
}

function runPart(part: PartName, seconds: number): Promise<PartResult> {
  const began = performance.now();
  const env = { ...process.env, ...chipDrivers() };
  const child = spawn(process.execPath, [process.argv[1]!, '--child', part, `${seconds}`], { env, detached: true });
  let [out, errors] = ['', ''];
  child.stdout.on('data', (chunk) => {
    out += chunk;
  });
  child.stderr.on('data', (chunk) => {
    errors = (errors + chunk).slice(-4000);
    process.stderr.write(chunk);
  });
  return new Promise((done) => {
    // why the group: a part has children of its own, a browser or a test runner
    const timer = setTimeout(() => process.kill(-child.pid!, 'SIGKILL'), seconds * 1000);
    child.on('close', (code, signal) => {
      clearTimeout(timer);
      const line = out.split('\n').findLast((one) => one.startsWith(MARK));
      const spent = Math.round((performance.now() - began) / 1000);
      const cause = signal
        ? `ended after ${seconds} s`
        : `ended with ${code}: ${errors.trim().split('\n').at(-1) ?? ''}`;
      done({ part, seconds: spent, ...(line ? { result: JSON.parse(line.slice(MARK.length)) } : { failed: cause }) });
    });
  });
}

const isPart = (name: string): name is PartName => name in PARTS;

await runCommand(HELP, async (args) => {
  if (args[0] === '--child') {
    console.log(`${MARK}${JSON.stringify(await PARTS[args[1] as PartName].run(Number(args[2])))}`);
    process.exit(0);
  }
  const at = args.indexOf('--out');
  const out = at < 0 ? 'gpu-day.json' : args[at + 1];
  if (!out) throw new InputError('--out needs the file to write the JSON to.');
  const asked = args.filter((_, i) => at < 0 || (i !== at && i !== at + 1));
  for (const name of asked) {
    if (!isPart(name)) throw new InputError(`There is no part ${name}; choose of ${Object.keys(PARTS).join(', ')}.`);
  }
  const names = asked.length > 0 ? asked.filter(isPart) : (Object.keys(PARTS) as PartName[]);
  const until = performance.now() + LIMIT_S * 1000;
  const results: PartResult[] = [];
  for (const [turn, name] of names.entries()) {
    const left = Math.floor((until - performance.now()) / 1000);
    // what later parts need is theirs, what earlier ones have saved is this one's
    const later = names.slice(turn + 1).reduce((sum, other) => sum + PARTS[other].seconds, 0);
    const seconds = Math.min(left, Math.max(PARTS[name].seconds, left - later));
    console.error(`${name}: ${PARTS[name].about}, at most ${Math.max(0, seconds)} s`);
    results.push(seconds > 5 ? await runPart(name, seconds) : { part: name, seconds: 0, failed: 'no time was left' });
    // why after each part: the machine may be taken away
    writeFileSync(out, `${JSON.stringify({ date: new Date().toISOString(), results }, null, 2)}\n`);
  }
  console.log(tableOf(results));
  process.exit(results.some(({ failed }) => failed !== undefined) ? 1 : 0);
});
