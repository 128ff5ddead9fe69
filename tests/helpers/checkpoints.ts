/**
 * The checkpoints of tests/reference/checkpoints.py as folders in memory: the files that transformers wrote, with weights
 * that are the same hash of tensor and element.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Folder } from '../../src/train/files/modelfolder';

type FileTensors = readonly (readonly [name: string, dtype: string, shape: readonly number[]])[];

export interface Checkpoint {
  /** Loss of the first step, by PyTorch in float64. */
  readonly loss: number;
  readonly gradNorm: number;
  /** In place of loss and gradNorm: what the refusal must name. */
  readonly refused?: string;
  /** Prompt and the 100 tokens of greedy decoding after it. */
  readonly greedy?: readonly number[];
  readonly config: { readonly vocab_size: number };
  readonly files: readonly (readonly [file: string, tensors: FileTensors])[];
}

/** Samples of the step in the fixture. */
export const BATCH = 2;
export const CONTEXT = 16;

export function readCheckpoints(): Readonly<Record<string, Checkpoint>> {
  return JSON.parse(readFileSync(join(import.meta.dirname, '../reference/checkpoints.json'), 'utf8'));
}

export function folderOf({ config, files }: Pick<Checkpoint, 'config' | 'files'>): Folder {
  const contents = new Map<string, Uint8Array>([['config.json', utf8(config)]]);
  for (const [file, tensors] of files) contents.set(file, fileOf(tensors));
  if (files.length > 1) {
    const map = files.flatMap(([file, tensors]) => tensors.map(([name]) => [name, file] as const));
    contents.set('model.safetensors.index.json', utf8({ weight_map: Object.fromEntries(map) }));
  }
  return { names: [...contents.keys()], read: (name) => contents.get(name)! };
}

const utf8 = (value: unknown) => new TextEncoder().encode(JSON.stringify(value));

/** checkpoints.py's `hashed`: `count` numbers of 7 bits. */
export function hashed(name: string, count: number): Uint8Array {
  let key = 0x811c9dc5;
  for (const byte of new TextEncoder().encode(name)) key = Math.imul(key ^ byte, 0x01000193) >>> 0;
  return Uint8Array.from({ length: count }, (_, i) => {
    let x = Math.imul(i + 1, 2654435761) ^ Math.imul(key + 1, 2246822519);
    x = Math.imul(x ^ (x >>> 15), 2246822519);
    return (x ^ (x >>> 13)) >>> 25;
  });
}

/** The tokens of its first steps. */
export function textOf({ config }: Pick<Checkpoint, 'config'>): Uint32Array {
  const count = BATCH * CONTEXT * 8 + 1;
  const [high, low] = [hashed('high', count), hashed('low', count)];
  return Uint32Array.from(high, (h, i) => (h * 128 * 128 + low[i]! * 128 + h) % config.vocab_size);
}

/** checkpoints.py's `values`, whatever name the file gives the tensor. */
function valuesOf(name: string, shape: readonly number[]): Float32Array {
  const prefix = name.startsWith('h.') || name.startsWith('w') || name.startsWith('ln_f') ? 'transformer.' : 'model.';
  const isWhole = /^(transformer|model)\.|^lm_head/.test(name);
  const levels = hashed(isWhole ? name : `${prefix}${name}`, floatsOf(shape));
  if (shape.length > 1) return Float32Array.from(levels, (level) => (level - 64) / 128);
  if (name.endsWith('bias')) return Float32Array.from(levels, (level) => (level - 64) / 2048);
  return Float32Array.from(levels, (level) => 0.875 + (level >> 3) / 64);
}

const floatsOf = (shape: readonly number[]) => shape.reduce((product, dim) => product * dim, 1);

function fileOf(tensors: FileTensors): Uint8Array {
  const header: Record<string, unknown> = {};
  const parts: Uint8Array[] = [];
  let at = 0;
  for (const [name, dtype, shape] of tensors) {
    const bytes = dtype === 'U8' ? new Uint8Array(floatsOf(shape)) : encode(valuesOf(name, shape), dtype);
    header[name] = { dtype, shape, data_offsets: [at, at + bytes.byteLength] };
    at += bytes.byteLength;
    parts.push(bytes);
  }
  const text = utf8(header);
  const length = new Uint8Array(8);
  new DataView(length.buffer).setBigUint64(0, BigInt(text.byteLength), true);
  return new Uint8Array(Buffer.concat([length, text, ...parts]));
}

/** The values have few bits, so nothing is rounded. */
function encode(values: Float32Array, dtype: string): Uint8Array {
  if (dtype === 'F32') return new Uint8Array(values.buffer);
  const bits = new Uint32Array(values.buffer);
  const halves = Uint16Array.from(bits, (word) => (dtype === 'BF16' ? word >>> 16 : half(word)));
  return new Uint8Array(halves.buffer);
}

/** The bits of an f32 as an f16, for zeros and values in its normal range. */
function half(word: number): number {
  const sign = (word >>> 16) & 0x8000;
  const exponent = ((word >>> 23) & 0xff) - 127 + 15;
  return (word & 0x7fffffff) === 0 ? sign : sign | (exponent << 10) | ((word >>> 13) & 0x3ff);
}
