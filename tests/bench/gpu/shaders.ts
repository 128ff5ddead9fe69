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

/** Which ways to run a dispatch: all that there are, or those that a graphics chip with subgroups and f16 tries. */
type Which = 'all' | 'chip';

const MODELS = [...BENCH_MODELS, BENCH_LLAMA];

/** A kernel of a step, with the knobs of its tape and its sizes. */
interface Dispatched {
  readonly kernel: Kernel;
  readonly taped: Knobs;
  readonly params: Params;
}

/** Every dispatch of the models' passes, as often as it is there. */
export function dispatches(models: readonly SizedModel[] = MODELS): readonly Dispatched[] {
  return models.flatMap(({ config, batch }) =>
    recordModel(config, batch)
      .flatMap((unit) => [unit.forward, unit.backwardInput, unit.backwardWeight])
      .flat()
      .filter(isRun)
      .flatMap(({ kernel, knobs: taped, params, together }) => {
        const alone = { kernel, taped, params };
        return together ? [alone, { ...alone, taped: { ...taped, ...together } }] : [alone];
      }),
  );
}

/** Every text of every dispatch of the models' steps, each once. */
export function shaderTexts(which: Which = 'all', models: readonly SizedModel[] = MODELS): readonly ShaderText[] {
  const found = new Map<string, ShaderText>();
  const add = (kernel: Kernel, taped: Knobs, params: Params) => {
    const ways =
      which === 'chip'
        ? [CHIP, HALF_CHIP].flatMap((chip) => candidates(chip, kernel, taped, params))
        : everyWay(kernel, taped, params);
    for (const { file, knobs: own } of ways) {
      const knobs = { ...own, ...taped, ...kernel.knobsFor?.(params) };
      if (kernel.grid(params, knobs)[0] === 0) continue;
      const name = pipelineKey({ file, knobs });
      found.set(name, { name, file, knobs, text: shaderOf({ ...kernel, file }, knobs) });
    }
  };
  for (const { kernel, taped, params } of dispatches(models)) add(kernel, taped, params);
  for (const kernel of [k.sum, k.sumsq, k.colsum, k.adamw, guard])
    add(kernel, {}, { n: 4, R: 4, C: 4, count: 1, longest: 4, odd: 0 });
  return [...found.values()];
}

type Run = Extract<Instr, { do: 'run' }>;

const isRun = (line: Instr): line is Run => line.do === 'run';

/** A graphics chip with subgroups and without f16. */
export const CHIP: Abilities = {
  raw: { features: new Set(['subgroups']), adapterInfo: { subgroupMinSize: 32 } },
  report: { software: false },
  matmulPrecision: 'f32',
};

/** The same chip with f16, in a run that asked for it. */
const HALF_CHIP: Abilities = {
  ...CHIP,
  raw: { ...CHIP.raw, features: new Set(['subgroups', 'shader-f16']) },
  matmulPrecision: 'f16',
};

/** Every variant and every twin that supports these sizes, whatever the device. */
function everyWay(kernel: Kernel, taped: Knobs, params: Params): readonly Variant[] {
  const files = kernel.variants.map((knobs) => ({ file: kernel.file, knobs }));
  const twins = (kernel.twins ?? []).filter(({ fits }) => fits?.(params, taped) ?? true);
  return [
    ...files,
    ...twins.flatMap(({ file, knobs: own, knobsFor, shuffles }) => {
      const knobs = { ...own, ...knobsFor?.(params, taped) };
      return shuffles
        ? [
            { file, knobs },
            { file, knobs: { ...knobs, SHUFFLED: 32 } },
          ]
        : [{ file, knobs }];
    }),
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
