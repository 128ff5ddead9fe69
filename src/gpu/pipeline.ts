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

/** The knobs of one dispatch: variant, then the tape's choices, then what follows from the sizes. */
export function finalKnobs(kernel: Kernel, variant: Knobs, chosen: Knobs, params: Params): Knobs {
  return { ...variant, ...chosen, ...kernel.knobsFor?.(params) };
}

/** Compile, or take the pipeline compiled before. Rejects with KernelError: compiler message, line and source line. */
export function pipelineFor(device: GpuDevice, kernel: Kernel, knobs: Knobs): Promise<Pipeline> {
  let cache = caches.get(device);
  if (!cache) caches.set(device, (cache = new Map()));
  const key = pipelineKey(kernel, knobs);
  let pipeline = cache.get(key);
  if (!pipeline) cache.set(key, (pipeline = compile(device, kernel, knobs, key)));
  return pipeline;
}

/** 'matmul.wgsl BIAS=1 TA=0': the name of a compiled kernel in caches, errors and traces. */
export function pipelineKey(kernel: Kernel, knobs: Knobs): string {
  const sorted = Object.entries(knobs).sort(([a], [b]) => (a < b ? -1 : 1));
  return [kernel.file, ...sorted.map(([name, value]) => `${name}=${value}`)].join(' ');
}

async function compile(device: GpuDevice, kernel: Kernel, knobs: Knobs, key: string): Promise<Pipeline> {
  const { raw } = device;
  const code = shaderOf(kernel, knobs);
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
