/** The LoRA runs that tests/reference/lora.py trained with PEFT. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { placedAdapters } from '../../src/train/files/adapters';
import { readModelFolder } from '../../src/train/files/modelfolder';
import { readWeights } from '../../src/train/files/weights';
import { parseRunFile, type RunFile } from '../../src/train/runfile';
import { type Checkpoint, CONTEXT, folderOf, hashed } from './checkpoints';

export interface LoraCase extends Pick<Checkpoint, 'config' | 'files'> {
  readonly lora: object;
  readonly losses: readonly number[];
  readonly gradNorms: readonly number[];
  /** Number of trained elements, and PEFT's names of their tensors. */
  readonly trained: number;
  readonly names: readonly string[];
}

const { train, ...cases } = JSON.parse(readFileSync(join(import.meta.dirname, '../reference/lora.json'), 'utf8'));

export const LORA_CASES: Readonly<Record<string, LoraCase>> = cases;

export function loraRun(one: LoraCase, plan: object): RunFile {
  const { model } = readModelFolder(folderOf(one));
  const data = { source: 'tokens:x', order: 'sequential' };
  return parseRunFile({ model: { ...model, context: CONTEXT }, data, train: { ...train, lora: one.lora }, plan });
}

/** The weights at the start, whole model by address: those of the folder, and lora.py's adapters. */
export function loraStart(one: LoraCase, { model }: RunFile): Float32Array {
  const weights = readWeights(model, readModelFolder(folderOf(one)).tensors);
  for (const { name, from, to } of placedAdapters(model).flatMap(({ a, b }) => [a, b])) {
    weights.set(
      Float32Array.from(hashed(name, to - from), (level) => (level - 64) / 128 / 8),
      from,
    );
  }
  return weights;
}
