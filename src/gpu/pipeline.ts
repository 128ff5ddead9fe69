/**
 * Compiled kernels of a device: each text is compiled once, also when asked for twice at the same time.
 * Bind group layouts follow the descriptor: reads, writes, then the uniform.
 */
import { KernelError } from '../errors';
import type { GpuDevice } from './device';
import type { Kernel, Knobs, Params, Twin } from './kernel';
import { loadShader, shaderOf } from './shaders';

interface Pipeline {
  readonly raw: GPUComputePipeline;
  readonly layout: GPUBindGroupLayout;
}

const caches = new WeakMap<GpuDevice, Map<string, Promise<Pipeline>>>();

/**
 * File and knobs of one dispatch. Knobs of the tape override the variant's, and knobs that follow from sizes override
 * both.
 */
export interface Variant {
  readonly file: string;
  readonly knobs: Knobs;
}

/** A way to do a dispatch, before the tape's knobs and those that follow from the sizes. */
export interface Candidate extends Variant {
  /** Adds in another order than the candidate that runs when nothing was measured. */
  readonly reordered: boolean;
  /** variants[0] does not run on this device, so this is what others must agree with. */
  readonly alone: boolean;
}

/** What decides which kernels a device can run. */
export interface Abilities {
  readonly raw: {
    readonly features: Pick<ReadonlySet<string>, 'has'>;
    /** Absent in browsers that do not tell. */
    readonly adapterInfo?: Pick<GPUAdapterInfo, 'subgroupMinSize'>;
  };
  readonly report: Pick<GpuDevice['report'], 'software'>;
  readonly matmulPrecision: GpuDevice['matmulPrecision'];
}

/** Ways to run one dispatch on a graphics chip: measuring has a time limit. */
const MOST = 4;

/**
 * Every way in which this device can run a dispatch. The first one runs when nothing was measured. If the run asked for
 * f16 and the kernel has twins that store f16, only these are returned; otherwise they are left out.
 */
export function candidates(device: Abilities, kernel: Kernel, taped: Knobs, params: Params): readonly Candidate[] {
  const isAble = ({ needs, fits }: Twin) =>
    (!needs || device.raw.features.has(needs)) && (fits?.(params, taped) ?? true);
  const able = (kernel.twins ?? []).filter(isAble);
  const { software } = device.report;
  const guesses = software ? undefined : kernel.onGpu?.(params, taped).filter(isAble);
  const files: readonly Twin[] = kernel.variants.map((knobs) => ({ file: kernel.file, knobs }));
  const isHalf = ({ half = false }: Twin) => half;
  const halves = device.matmulPrecision === 'f16' ? (guesses ?? able).filter(isHalf) : [];
  const whole = (twins: readonly Twin[]) => twins.filter((twin) => !isHalf(twin));
  const all = software ? onProcessor(files, whole(able)) : onChip(files, whole(able), guesses && whole(guesses));
  const open = halves.length > 0 ? halves.slice(0, MOST) : all;
  const shuffled = software ? undefined : shuffledOn(device);
  return open.flatMap(({ file, knobs, order, knobsFor, alone = false, shuffles }) => {
    const one = {
      file,
      knobs: { ...knobs, ...(software ? {} : knobsFor?.(params, taped)) },
      reordered: order !== open[0]!.order,
      alone: alone && !software,
    };
    return shuffles && shuffled ? [one, { ...one, knobs: { ...one.knobs, SHUFFLED: shuffled } }] : [one];
  });
}

/** How many neighbouring threads are always in one subgroup; undefined where that is not known or not worth a shuffle. */
function shuffledOn({ raw }: Abilities): number | undefined {
  const { subgroupMinSize = 1 } = raw.adapterInfo ?? {};
  return raw.features.has('subgroups') && subgroupMinSize > 1 ? subgroupMinSize : undefined;
}

function onProcessor(files: readonly Twin[], twins: readonly Twin[]): readonly Twin[] {
  return [...new Set([...twins.filter(({ software }) => software), ...files, ...twins])];
}

function onChip(files: readonly Twin[], twins: readonly Twin[], guesses?: readonly Twin[]): readonly Twin[] {
  const alone = (guesses ?? twins).filter((twin) => twin.alone);
  if (alone.length > 0) return alone;
  return [...(guesses ?? []), ...files, ...(guesses ? [] : twins)].slice(0, MOST);
}

/** What runs on this device: what the autotuner picked, else variants[0] or the twin made for software adapters. */
export function choose(device: GpuDevice, kernel: Kernel, taped: Knobs, params: Params): Variant {
  const all = candidates(device, kernel, taped, params);
  const pick = device.picks.get(tuneKey(kernel, taped, params));
  const { file, knobs } = all.find(({ file, knobs }) => pipelineKey({ file, knobs }) === pick) ?? all[0]!;
  return { file, knobs: { ...knobs, ...taped, ...kernel.knobsFor?.(params) } };
}

/** Dispatches with the same key are measured once: kernel, the tape's knobs and the sizes, not where tensors begin. */
export function tuneKey(kernel: Kernel, taped: Knobs, params: Params): string {
  const sizes = Object.fromEntries(Object.entries(params).filter(([name]) => !name.endsWith('At')));
  return pipelineKey({ file: kernel.file, knobs: { ...taped, ...sizes } });
}

/** Compile, or take the pipeline compiled before. Rejects with KernelError: compiler message, line and source line. */
export async function pipelineFor(device: GpuDevice, kernel: Kernel, choice: Variant): Promise<Pipeline> {
  await loadShader(choice.file);
  const cache = caches.get(device) ?? new Map<string, Promise<Pipeline>>();
  caches.set(device, cache);
  const code = shaderOf({ ...kernel, file: choice.file }, choice.knobs);
  const pipeline = cache.get(code) ?? compile(device, kernel, code, pipelineKey(choice));
  cache.set(code, pipeline);
  return pipeline;
}

/** 'matmul.wgsl BIAS=1 TA=0': the name of a compiled kernel in caches, errors and traces. */
export function pipelineKey({ file, knobs }: Variant): string {
  const sorted = Object.entries(knobs).sort(([a], [b]) => (a < b ? -1 : 1));
  return [file, ...sorted.map(([name, value]) => `${name}=${value}`)].join(' ');
}

async function compile({ raw }: GpuDevice, kernel: Kernel, code: string, key: string): Promise<Pipeline> {
  const layout = raw.createBindGroupLayout({ label: kernel.file, entries: layoutEntries(kernel) });
  raw.pushErrorScope('validation');
  const module = raw.createShaderModule({ label: key, code });
  const scope = raw.popErrorScope();
  const info = await module.getCompilationInfo();
  await scope;
  const error = info.messages.find((message) => message.type === 'error');
  if (error) {
    const line = code.split('\n')[error.lineNum - 1]?.trim() ?? '';
    throw new KernelError(`${key}, line ${error.lineNum}: ${error.message}\n  ${line}`);
  }
  try {
    const pipeline = await raw.createComputePipelineAsync({
      label: key,
      layout: raw.createPipelineLayout({ bindGroupLayouts: [layout] }),
      compute: { module },
    });
    return { raw: pipeline, layout };
  } catch (cause) {
    throw new KernelError(`${key} did not compile on this device: ${(cause as Error).message}`, { cause });
  }
}

function layoutEntries(kernel: Kernel): GPUBindGroupLayoutEntry[] {
  const types: GPUBufferBindingType[] = [
    ...kernel.reads.map(() => 'read-only-storage' as const),
    ...kernel.writes.map(() => 'storage' as const),
    'uniform',
  ];
  return types.map((type, binding) => ({ binding, visibility: GPUShaderStage.COMPUTE, buffer: { type } }));
}
