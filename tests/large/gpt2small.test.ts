/**
 * GPT-2 small comes in as transformers writes it (F32 and F16, one file and shards) by processes and by tabs, and its first
 * step equals PyTorch in float64 (tests/reference/gpt2small.py). No rank but the one that reads the files holds it whole.
 */
import { closeSync, mkdirSync, openSync, readFileSync, writeFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, expect, onTestFinished, test } from 'vitest';
import type { Summary } from '../../src/cli/run/results';
import { startOf } from '../helpers/fixture';
import { halfBits } from '../helpers/half';
import { readMetrics, temporaryFolder, train } from '../helpers/headless';

type Tensor = readonly [name: string, shape: readonly number[]];
const json = JSON.parse(readFileSync(join(import.meta.dirname, '../reference/gpt2small.json'), 'utf8'));
const tensors: readonly Tensor[] = json.tensors;
/** Nats, and relative: float32 sums of 768 to 50,257 numbers through 12 blocks. */
const [LOSS, NORM] = [1e-4, 1e-3];

interface Case {
  readonly name: string;
  readonly kind: 'F32' | 'F16';
  readonly shards: number;
  /** Sequences of 128 tokens. */
  readonly batch: 1 | 2;
  readonly ranks: readonly string[];
  readonly plan: object;
}
const CASES: readonly Case[] = [
  { name: 'nodes 1', kind: 'F32', shards: 1, batch: 1, ranks: ['--nodes', '1'], plan: {} },
  { name: 'nodes 2, ZeRO-3', kind: 'F16', shards: 3, batch: 2, ranks: ['--nodes', '2'], plan: { dp: 2, zero: 3 } },
  {
    name: 'nodes 2, pp 2',
    kind: 'F32',
    shards: 2,
    batch: 2,
    ranks: ['--nodes', '2'],
    plan: { pp: 2, microbatches: 2 },
  },
  { name: 'tabs 2, DDP', kind: 'F16', shards: 1, batch: 2, ranks: ['--tabs', '2'], plan: { dp: 2 } },
];
const CONFIG = {
  model_type: 'gpt2',
  architectures: ['GPT2LMHeadModel'],
  activation_function: 'gelu_new',
  n_layer: 12,
  n_head: 12,
  n_embd: 768,
  n_positions: json.model.context,
  vocab_size: json.model.vocab,
  tie_word_embeddings: true,
};

/** Tensor by tensor: one file of F32 has 495 MB. `keys`: the tensors of this file by their place among all. */
function writeShard(path: string, kind: Case['kind'], keys: readonly number[]): void {
  const bytes = kind === 'F32' ? 4 : 2;
  let at = 0;
  const entries = keys.map((key) => {
    const [name, shape] = tensors[key]!;
    const from = at;
    at += bytes * shape.reduce((a, b) => a * b, 1);
    return [name, { dtype: kind, shape, data_offsets: [from, at] }];
  });
  const header = Buffer.from(JSON.stringify(Object.fromEntries(entries)));
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(header.length));
  const file = openSync(path, 'w');
  writeSync(file, length);
  writeSync(file, header);
  for (const key of keys) {
    const values = startOf(...tensors[key]!, key);
    writeSync(file, kind === 'F32' ? values : Uint16Array.from(values, halfBits));
  }
  closeSync(file);
}

/** A folder as transformers writes it. */
function writeModel(folder: string, { kind, shards }: Case): void {
  mkdirSync(folder);
  writeFileSync(join(folder, 'config.json'), JSON.stringify(CONFIG));
  const names = Array.from({ length: shards }, (_, shard) =>
    shards === 1 ? 'model.safetensors' : `model-${shard + 1}-of-${shards}.safetensors`,
  );
  const keys = tensors.map((_, key) => key);
  for (const [shard, name] of names.entries()) {
    const own = keys.filter((key) => key % shards === shard);
    writeShard(join(folder, name), kind, own);
  }
  if (shards === 1) return;
  const map = Object.fromEntries(tensors.map(([name], key) => [name, names[key % shards]]));
  writeFileSync(join(folder, 'model.safetensors.index.json'), JSON.stringify({ metadata: {}, weight_map: map }));
}

const rows = [
  '| run | sequences | file | loss - PyTorch | gradient norm / PyTorch - 1 | planned, MB | peak, MB | time | adapter |',
  '|---|---|---|---|---|---|---|---|---|',
];
afterAll(() => console.info(rows.join('\n')));

test.each(CASES)(
  '$name from $shards files of $kind: the first step equals PyTorch',
  async (one) => {
    const folder = temporaryFolder(onTestFinished);
    const file = (name: string) => join(folder, name);
    writeModel(file('model'), one);
    writeFileSync(file('tokens.bin'), Uint16Array.from(json.tokens));
    const data = { source: 'tokens:tokens.bin', order: 'sequential' };
    const settings = { ...json.train, globalBatch: one.batch };
    writeFileSync(file('run.json'), JSON.stringify({ data, train: settings, plan: one.plan }));
    const out = file('out');
    const t0 = performance.now();
    const { code, stderr } = await train([file('run.json'), ...one.ranks, '--init', file('model'), '--out', out]);
    const seconds = Math.round((performance.now() - t0) / 1000);
    expect({ code, stderr }).toMatchObject({ code: 0 });

    const [row] = readMetrics(out);
    const { adapter, ranks }: Summary = JSON.parse(readFileSync(join(out, 'summary.json'), 'utf8'));
    const wanted = json[one.kind][one.batch];
    const [apart, ratio] = [row!.loss - wanted.loss, row!.gradNorm / wanted.gradNorm - 1];
    const mb = (list: readonly number[]) => list.map((bytes) => Math.round(bytes / 1e6)).join(', ');
    const planned = ranks.map(({ planned: roles }) => Object.values(roles).reduce((sum, bytes) => sum + bytes, 0));
    const peaks = ranks.map(({ peakRssBytes }) => peakRssBytes ?? 0);
    const from = `${one.shards} x ${one.kind}`;
    rows.push(
      `| ${one.name} | ${one.batch} | ${from} | ${apart.toExponential(1)} | ${ratio.toExponential(1)} | ${mb(planned)} | ${mb(peaks)} | ${seconds} s | ${adapter} |`,
    );
    expect(Math.abs(apart)).toBeLessThan(LOSS);
    expect(Math.abs(ratio)).toBeLessThan(NORM);
  },
  600_000,
);
