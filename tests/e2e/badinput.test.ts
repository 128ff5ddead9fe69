/** What `npm run train` says of bad input: one clear sentence, a non-zero exit, and nothing written. */
import { readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { parseTrainArgs } from '../../src/cli/run/args';
import { prepareJob } from '../../src/cli/run/job';
import { InputError, PlanError } from '../../src/errors';
import { modelFile } from '../../src/train/files/checkpoint';
import { writeSafetensors } from '../../src/train/files/safetensors';
import { readFixture } from '../helpers/fixture';
import { temporaryFolder, train, writeInputs } from '../helpers/headless';

const TEXTS: Record<string, string | Uint8Array> = {
  'list.json': '[]',
  'broken.json': '{ "model": ',
  'short.txt': 'Too short a text.',
  'latin1.txt': Uint8Array.of(0x43, 0x61, 0x66, 0xe9, 0x20, 0x43, 0x61),
  'odd.bin': Uint8Array.of(1, 0, 2),
  'beyond.bin': new Uint8Array(Uint16Array.from({ length: 400 }, (_, i) => (i === 7 ? 97 : 5)).buffer),
  'other.safetensors': writeSafetensors([{ name: 'x', shape: [2], data: Float32Array.of(1, 2) }]),
  'text.safetensors': 'no weights at all',
};

/** `@` stands for the folder of the files above. */
const CASES: readonly (readonly [args: string, sentence: RegExp])[] = [
  ['@missing.json', /run file cannot be read .*no such file/],
  ['@', /it is a folder/],
  ['@list.json', /must be an object with the fields model, data, train, plan/],
  ['@broken.json', /not JSON/],
  ['--model.layrs=3', /model\.layrs is not a field; the fields are arch/],
  ['--foo', /Unknown option '--foo'.*Usage/],
  ['--tabs 2 --nodes 2', /Either --tabs or --nodes/],
  ['--tabs 0', /--tabs is "0"; it must be a whole number from 1 to 64/],
  ['--model.heads=5', /model\.dim 64 mod model\.heads 5 = 4/],
  ['--train.globalBatch=3 --tabs 4', /train\.globalBatch 3 < plan\.dp 4/],
  ['--plan.dp=3 --tabs 2', /plan\.dp 3 .*= 3 .*2/],
  ['--plan.pp=5 --tabs 5', /plan\.pp 5/],
  ['--train.lr=abc', /train\.lr is "abc"/],
  ['--data.source=nonsense', /moby-dick, names, file:PATH or tokens:PATH/],
  ['--data.source=file:@missing.txt', /no such file/],
  ['--data.source=file:@short.txt', /17 tokens .*fewer than one sample of model\.context \+ 1 = 65/],
  [`--data.source=file:@short.txt --data.sha256=${'0'.repeat(64)}`, /SHA-256 [0-9a-f]{64} and data\.sha256 says 0{64}/],
  ['--data.source=file:@latin1.txt', /not UTF-8/],
  ['--data.source=tokens:@beyond.bin', /model\.vocab must be given/],
  ['--data.source=tokens:@odd.bin --model.vocab=97', /3 bytes, an odd number/],
  ['--data.source=tokens:@beyond.bin --model.vocab=97', /token 97 at position 7 .* beyond model\.vocab 97/],
  ['--model.vocab=10', /model\.vocab 10 < 83 tokens/],
  ['--init @missing.safetensors', /initial weights cannot be read/],
  ['--init @text.safetensors', /safetensors file is broken/],
  ['--init @other.safetensors', /no tensor transformer\.wte\.weight, expected with shape \[83, 64\]/],
  ['--limit-mb 1', /needs .* MB on rank 0 \(param .*the limit of 1\.00 MB/],
];

const dist = join(import.meta.dirname, '../../dist');
const places = { pages: join(dist, 'pages'), example: join(dist, '../examples/default.json') };

// why async: then the errors of parseTrainArgs reject too
const prepared = async (argv: readonly string[]) => prepareJob(parseTrainArgs(argv), places);

/** A folder with the files above, and `args` with its path. */
function given(args: string): { folder: string; argv: string[] } {
  const folder = temporaryFolder(onTestFinished);
  for (const [name, content] of Object.entries(TEXTS)) writeFileSync(join(folder, name), content);
  return { folder, argv: args.split(' ').map((arg) => arg.replace('@', `${folder}/`)) };
}

test.each(CASES)('%s', async (args, sentence) => {
  const { argv } = given(args);
  const error = await prepared(argv).catch((one: unknown) => one);
  expect(error).toSatisfy((one) => one instanceof PlanError || one instanceof InputError);
  expect((error as Error).message).toMatch(sentence);
  expect((error as Error).message).not.toContain('\n');
});

test.each([
  ['--model.heads=5 --out @out', /^model\.dim 64 mod model\.heads 5 = 4: .*\n$/],
  ['--init @text.safetensors --out @out', /^the safetensors file is broken: .*\n$/],
  ['--out @list.json', /^the results cannot be written to .*it is a file; choose another folder with --out\.\n$/],
] as const)('the program says so in one line, and writes nothing: %s', async (args, sentence) => {
  const { folder, argv } = given(args);
  const ended = await train(argv);
  expect(ended.stderr).toMatch(sentence);
  expect(ended).toMatchObject({ code: 1, stdout: '' });
  expect(readdirSync(folder).sort()).toEqual(Object.keys(TEXTS).sort());
});

test('weights of another shape, with a tensor too many, cut short', async () => {
  const folder = temporaryFolder(onTestFinished);
  const fixture = readFixture('gpt2-untied');
  const args = writeInputs(folder, fixture, {});
  const work = (...more: string[]) => prepareJob(parseTrainArgs([...args, ...more]), places);
  expect((await work()).run.model).toEqual(fixture.model);
  await expect(work('--model.hidden=96')).rejects.toThrow(
    /tensor .*c_fc\.weight .*shape \[60, 112\].*needs \[60, 96\]/,
  );
  await expect(work('--model.tieEmbeddings=true')).rejects.toThrow(/lm_head\.weight/);
  writeFileSync(args[2]!, modelFile(fixture.model, fixture.init).subarray(0, -4));
  await expect(work()).rejects.toThrow(/safetensors file is broken: its tensors end at/);
});
