/** The PyTorch runs that tests/reference/make.py and diloco.py wrote: model, text, losses, and weights by Hugging Face name. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { namedTensors } from '../../src/model/names';
import { parsePlan } from '../../src/plan/plan';
import type { ModelConfig, RunFile, TrainConfig } from '../../src/train/runfile';
import { wholeModel } from '../../src/train/state/holding';

export type FixtureName =
  | 'gpt2-tied'
  | 'gpt2-untied'
  | 'gpt2-deep'
  | 'gpt2-tall'
  | 'llama-untied'
  | 'llama-deep'
  | 'llama-tall'
  | 'chat'
  | 'diloco-four'
  | 'diloco-three'
  | 'diloco-streaming'
  | 'diloco-two';

export interface Fixture {
  readonly model: ModelConfig;
  readonly train: TrainConfig;
  /** The plan fields that the reference simulated in its one process; empty for a plain run. */
  readonly plan: Readonly<Record<string, unknown>>;
  readonly text: Uint16Array;
  readonly losses: readonly number[];
  readonly gradNorms: readonly number[];
  /** Whole model by address (holding.ts). */
  readonly init: Float32Array;
  readonly final: Float32Array;
  readonly firstGradient: Float32Array | null;
}

type Tensors = readonly (readonly [name: string, shape: readonly number[]])[];

export function readFixture(name: FixtureName): Fixture {
  const json = JSON.parse(readFileSync(join(import.meta.dirname, `../reference/${name}.json`), 'utf8'));
  const whole = (packed: string) => byAddress(json.model, json.tensors, unpack(packed));
  return {
    model: json.model,
    train: { ...json.train, matmulPrecision: 'f32' },
    plan: json.plan ?? {},
    text: Uint16Array.from(json.tokens),
    losses: json.losses,
    gradNorms: json.gradNorms,
    init: byAddress(json.model, json.tensors, start(json.tensors)),
    final: whole(json.final),
    firstGradient: json.firstGradient && whole(json.firstGradient),
  };
}

/** The fixture as a run file; `plan` holds what differs from one rank. */
export function runOf(fixture: Fixture, plan: Record<string, unknown>, train: Partial<TrainConfig> = {}): RunFile {
  return {
    model: fixture.model,
    data: { source: 'tokens:fixture', tokenizer: 'byte', order: 'sequential' },
    train: { ...fixture.train, ...train },
    plan: parsePlan(plan),
  };
}

function unpack(packed: string): Float32Array {
  const bytes = Buffer.from(packed, 'base64');
  return new Float32Array(bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength));
}

/** make.py's `uniform`: 16 bits of a hash. */
function uniform(index: number, key: number): number {
  let x = Math.imul(index + 1, 2654435761) ^ Math.imul(key + 1, 2246822519);
  x = Math.imul(x ^ (x >>> 15), 2246822519);
  return ((x ^ (x >>> 13)) >>> 16) / 65536;
}

/** make.py's `initial` of the tensor at `key` in file order. */
export function startOf(name: string, shape: readonly number[], key: number): Float32Array {
  const gain = shape.length === 1 && name.endsWith('weight');
  const [low, width] = gain ? [0.875, 0.25] : shape.length === 1 ? [-0.03125, 0.0625] : [-0.125, 0.25];
  const values = new Float32Array(shape.reduce((a, b) => a * b, 1));
  for (let i = 0; i < values.length; i++) values[i] = low + width * uniform(i, key);
  return values;
}

/** All tensors, one after the other. */
function start(tensors: Tensors): Float32Array {
  const parts = tensors.map(([name, shape], key) => startOf(name, shape, key));
  const values = new Float32Array(parts.reduce((total, part) => total + part.length, 0));
  let at = 0;
  for (const part of parts) {
    values.set(part, at);
    at += part.length;
  }
  return values;
}

/** From the fixture's file order to addresses of the whole model. Checks names and shapes on the way. */
function byAddress(model: ModelConfig, tensors: Tensors, values: Float32Array): Float32Array {
  const params = wholeModel(model);
  const named = namedTensors(model);
  if (named.length !== tensors.length) throw new Error(`${named.length} tensors instead of ${tensors.length}`);
  const whole = new Float32Array(values.length);
  let from = 0;
  for (const [name, shape] of tensors) {
    const tensor = named.find((candidate) => candidate.name === name);
    if (tensor?.shape.join() !== shape.join()) throw new Error(`${name} is [${tensor?.shape}] instead of [${shape}]`);
    const floats = shape.reduce((a, b) => a * b, 1);
    const { at } = params.find((param) => param.unitName === tensor.unit && param.name === tensor.param)!;
    whole.set(values.subarray(from, from + floats), at + tensor.at);
    from += floats;
  }
  return whole;
}
