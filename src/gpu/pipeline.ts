/**
 * Compiled kernels of a device: each (kernel, knobs) is compiled once, also when asked for twice at the same time.
 * Bind group layouts follow the descriptor: reads, writes, then the uniform.
 */
import { KernelError } from '../errors';
import type { GpuDevice } from './device';
import type { Kernel, Knobs, Params } from './kernel';
import { shaderOf } from './shaders';

export interface Pipeline {
  readonly raw: GPUComputePipeline;
  readonly layout: GPUBindGroupLayout;
}

const caches = new WeakMap<GpuDevice, Map<string, Promise<Pipeline>>>();

/** File and knobs of one dispatch here: the variant's, then the tape's choices, then what follows from the sizes. */
export interface Choice {
  readonly file: string;
  readonly knobs: Knobs;
}

/** What runs on this device when nothing was measured: variants[0], or its twin for software adapters. */
export function choose(device: GpuDevice, kernel: Kernel, taped: Knobs, params: Params): Choice {
  const twin = kernel.onSoftware;
  const { file, knobs } =
    twin && device.report.software && device.raw.features.has(twin.needs)
      ? twin
      : { file: kernel.file, knobs: kernel.variants[0]! };
  return { file, knobs: { ...knobs, ...taped, ...kernel.knobsFor?.(params) } };
}

/** Compile, or take the pipeline compiled before. Rejects with KernelError: compiler message, line and source line. */
export function pipelineFor(device: GpuDevice, kernel: Kernel, choice: Choice): Promise<Pipeline> {
  const cache = caches.get(device) ?? new Map<string, Promise<Pipeline>>();
  caches.set(device, cache);
  const key = pipelineKey(choice);
  const pipeline = cache.get(key) ?? compile(device, kernel, choice, key);
  cache.set(key, pipeline);
  return pipeline;
}

/** 'matmul.wgsl BIAS=1 TA=0': the name of a compiled kernel in caches, errors and traces. */
export function pipelineKey({ file, knobs }: Choice): string {
  const sorted = Object.entries(knobs).sort(([a], [b]) => (a < b ? -1 : 1));
  return [file, ...sorted.map(([name, value]) => `${name}=${value}`)].join(' ');
}

async function compile(device: GpuDevice, kernel: Kernel, { file, knobs }: Choice, key: string): Promise<Pipeline> {
  const { raw } = device;
  const code = shaderOf({ ...kernel, file }, knobs);
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
