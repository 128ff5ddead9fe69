/**
 * The final WGSL of every way to run every dispatch of a model: what a browser gets. `npm run bench -- shaders --out DIR`
 * writes one file per text; the static tests compile the same texts for chips that are not there.
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import type { Instr } from '../../../src/gpu/instr';
import type { Kernel, Knobs, Params } from '../../../src/gpu/kernel';
import * as k from '../../../src/gpu/kernels';
import { guard } from '../../../src/gpu/kernels.guard';
import { type Abilities, candidates, pipelineKey, type Variant } from '../../../src/gpu/pipeline';
import { shaderOf } from '../../../src/gpu/shaders';
import { recordModel } from '../../../src/model/model';
import type { SizedModel } from '../../../src/worker/chip/steps';
import { loadAllShaders } from '../../helpers/wgsl';
import { BENCH_LLAMA, BENCH_MODELS } from './models';

await loadAllShaders();

export interface ShaderText {
  /** File and all knobs, those that follow from the sizes as well. */
  readonly name: string;
  readonly file: string;
  readonly knobs: Knobs;
  readonly text: string;
}

/** Which ways to run a dispatch: all that there are, or those that a graphics chip tries. */
type Which = 'all' | 'chip';

/** Every text of every dispatch of the models' steps, each once. */
export function shaderTexts(
  which: Which = 'all',
  models: readonly SizedModel[] = [...BENCH_MODELS, BENCH_LLAMA],
): readonly ShaderText[] {
  const found = new Map<string, ShaderText>();
  const add = (kernel: Kernel, taped: Knobs, params: Params) => {
    const ways = which === 'chip' ? candidates(CHIP, kernel, taped, params) : everyWay(kernel, taped, params);
    for (const { file, knobs: own } of ways) {
      const knobs = { ...own, ...taped, ...kernel.knobsFor?.(params) };
      if (kernel.grid(params, knobs)[0] === 0) continue;
      const name = pipelineKey({ file, knobs });
      found.set(name, { name, file, knobs, text: shaderOf({ ...kernel, file }, knobs) });
    }
  };
  for (const { config, batch } of models) {
    const lists = recordModel(config, batch).flatMap((unit) => [unit.forward, unit.backwardInput, unit.backwardWeight]);
    for (const { kernel, knobs, params, together } of lists.flat().filter(isRun)) {
      add(kernel, knobs, params);
      if (together) add(kernel, { ...knobs, ...together }, params);
    }
  }
  for (const kernel of [k.sum, k.sumsq, k.colsum, k.adamw, guard])
    add(kernel, {}, { n: 4, R: 4, C: 4, count: 1, longest: 4, odd: 0 });
  return [...found.values()];
}

type Run = Extract<Instr, { do: 'run' }>;

const isRun = (line: Instr): line is Run => line.do === 'run';

/** A graphics chip with subgroups and without f16. */
const CHIP: Abilities = {
  raw: { features: new Set(['subgroups']) },
  report: { software: false },
  matmulPrecision: 'f32',
};

/** Every variant and every twin that supports these sizes, whatever the device. */
function everyWay(kernel: Kernel, taped: Knobs, params: Params): readonly Variant[] {
  const files = kernel.variants.map((knobs) => ({ file: kernel.file, knobs }));
  const twins = (kernel.twins ?? []).filter(({ fits }) => fits?.(params, taped) ?? true);
  return [
    ...files,
    ...twins.map(({ file, knobs, knobsFor }) => ({ file, knobs: { ...knobs, ...knobsFor?.(params, taped) } })),
  ];
}

/** Writes all of them under `--out`; resolves to the text to print. */
export function writeShaders(args: readonly string[]): string {
  const { values } = parseArgs({ args: [...args], options: { out: { type: 'string' } } });
  if (!values.out) throw new Error('bench shaders needs --out DIR, the folder to write the WGSL to');
  mkdirSync(values.out, { recursive: true });
  const texts = shaderTexts();
  for (const { name, text } of texts) {
    const file = `${name.replace('.wgsl', '').replaceAll(/[ =]/g, (c) => (c === ' ' ? '-' : ''))}.wgsl`;
    writeFileSync(join(values.out, file), text);
  }
  return `${texts.length} files in ${values.out}`;
}
