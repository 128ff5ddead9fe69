/** One step of GPT-2 small at context 128 by one process equals PyTorch in float64 (tests/reference/gpt2small.py). */
import { closeSync, openSync, readFileSync, writeFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import type { Summary } from '../../src/cli/run/results';
import { startOf } from '../helpers/fixture';
import { readMetrics, temporaryFolder, train } from '../helpers/headless';

const json = JSON.parse(readFileSync(join(import.meta.dirname, '../reference/gpt2small.json'), 'utf8'));
const tensors: readonly (readonly [name: string, shape: readonly number[]])[] = json.tensors;
/** Nats, and relative: float32 sums of 768 to 50,257 numbers through 12 blocks. */
const [LOSS, NORM] = [1e-4, 1e-3];

/** Tensor by tensor: the whole file has 495 MB. */
function writeStart(path: string): void {
  let at = 0;
  const entries = tensors.map(([name, shape]) => {
    const from = at;
    at += 4 * shape.reduce((a, b) => a * b, 1);
    return [name, { dtype: 'F32', shape, data_offsets: [from, at] }];
  });
  const header = Buffer.from(JSON.stringify(Object.fromEntries(entries)));
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(header.length));
  const file = openSync(path, 'w');
  writeSync(file, length);
  writeSync(file, header);
  for (const [key, [name, shape]] of tensors.entries()) writeSync(file, startOf(name, shape, key));
  closeSync(file);
}

test('a step of GPT-2 small equals PyTorch', async () => {
  const folder = temporaryFolder(onTestFinished);
  const file = (name: string) => join(folder, name);
  writeStart(file('init.safetensors'));
  writeFileSync(file('tokens.bin'), Uint16Array.from(json.tokens));
  const data = { source: 'tokens:tokens.bin', order: 'sequential' };
  writeFileSync(file('run.json'), JSON.stringify({ model: json.model, data, train: json.train, plan: {} }));
  const out = file('out');
  const args = [file('run.json'), '--nodes', '1', '--init', file('init.safetensors'), '--out', out];
  const { code, stderr } = await train(args);
  expect({ code, stderr }).toMatchObject({ code: 0 });

  const [row] = readMetrics(out);
  const { adapter, ranks }: Summary = JSON.parse(readFileSync(join(out, 'summary.json'), 'utf8'));
  const { loss, gradNorm, ms } = row!;
  const memory = Object.entries(ranks[0]!.planned).map(([role, bytes]) => `${role} ${Math.round(bytes / 1e6)}`);
  console.info(`${adapter}: loss ${loss}, norm ${gradNorm}, ${Math.round(ms)} ms; MB: ${memory.join(', ')}`);
  console.info(`PyTorch, float64: loss ${json.losses[0]}, norm ${json.gradNorms[0]}`);
  expect(Math.abs(loss - json.losses[0])).toBeLessThan(LOSS);
  expect(Math.abs(gradNorm / json.gradNorms[0] - 1)).toBeLessThan(NORM);
}, 1_200_000);
