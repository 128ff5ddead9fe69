/** Runs one kernel on host numbers and returns what it wrote; and seeded random numbers for its inputs. */
import { expect } from 'vitest';
import type { GpuDevice } from '../../src/gpu/device';
import type { Tensor } from '../../src/gpu/instr';
import type { Kernel, Knobs, Params, Twin } from '../../src/gpu/kernel';
import { Stream } from '../../src/gpu/stream';

export type Numbers = readonly number[] | Float32Array | Float64Array | Uint32Array;

/** Uniform numbers in [-1, 1), the same for the same seed (mulberry32). */
export function random(count: number, seed: number): Float32Array {
  let state = seed >>> 0;
  return Float32Array.from({ length: count }, () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let x = Math.imul(state ^ (state >>> 15), state | 1);
    x ^= x + Math.imul(x ^ (x >>> 7), x | 61);
    return ((x ^ (x >>> 14)) >>> 0) / 2 ** 31 - 1;
  });
}

interface Case {
  readonly kernel: Kernel;
  /** Inputs by binding; a binding that the kernel also writes gets its first values here. u32 data as Uint32Array. */
  readonly bind: Readonly<Record<string, Numbers>>;
  readonly params: Params;
  readonly knobs?: Knobs;
  /** Bindings to read back. */
  readonly out: readonly string[];
  /** Elements before a tensor in its buffer, to test `xAt`. */
  readonly at?: Readonly<Record<string, number>>;
}

/**
 * Every way to run a kernel, the reference first. Each entry has a name, the kernel reduced to this way, and `fits`,
 * which tells the sizes that it supports.
 */
export function eachVariant(kernel: Kernel) {
  const files: Twin[] = kernel.variants.map((knobs) => ({ file: kernel.file, knobs }));
  return [...files, ...(kernel.twins ?? [])].map(({ file, knobs, fits, order, half = false }) => ({
    name: `${file} ${JSON.stringify(knobs)}`,
    only: { ...kernel, file, variants: [knobs], twins: [] } satisfies Kernel,
    order,
    reordered: order !== undefined,
    half,
    fits: (params: Params, taped: Knobs) => fits?.(params, taped) ?? true,
  }));
}

/** Runs the kernel once and checks that it leaves the buffer around a tensor with an offset untouched. */
export async function runKernel(device: GpuDevice, run: Case): Promise<Record<string, Float32Array>> {
  const stream = new Stream(device);
  const places = new Map<string, { buffer: GPUBuffer; at: number; floats: number }>();
  const PAD = 7;
  for (const [name, data] of Object.entries(run.bind)) {
    const at = run.at?.[name] ?? 0;
    const buffer = device.createStorage('scratch', (at + data.length + PAD) * 4, name);
    const host =
      data instanceof Uint32Array
        ? new Uint32Array(at + data.length + PAD)
        : new Float32Array(at + data.length + PAD).fill(123);
    host.set(data, at);
    device.raw.queue.writeBuffer(buffer, 0, host);
    places.set(name, { buffer, at, floats: data.length });
  }
  const tensors = Object.fromEntries(
    Object.entries(run.bind).map(([name, data]) => {
      const type = data instanceof Uint32Array ? 'u32' : 'f32';
      return [name, { name, shape: [data.length], role: 'scratch', type } satisfies Tensor];
    }),
  );
  const list = await stream.prepare(
    [{ do: 'run', kernel: run.kernel, bind: tensors, params: run.params, knobs: run.knobs ?? {} }],
    (tensor) => places.get(tensor.name)!,
    'test',
  );
  stream.encode(list);
  const result: Record<string, Float32Array> = {};
  for (const name of run.out) {
    const { buffer, at, floats } = places.get(name)!;
    const whole = await stream.read({ buffer, at: 0, floats: at + floats + PAD });
    expect(
      [...whole.subarray(0, at), ...whole.subarray(at + floats)].every((x) => x === 123),
      `around ${name}`,
    ).toBe(true);
    result[name] = whole.slice(at, at + floats);
  }
  stream.close();
  for (const { buffer } of places.values()) device.destroyBuffer(buffer);
  return result;
}

/** Expects every element within `tolerance` times the largest expected magnitude (at least 1). */
export function expectClose(actual: Numbers, expected: Numbers, tolerance: number, what = ''): void {
  expect(actual.length, `${what} length`).toBe(expected.length);
  let scale = 1;
  for (const value of expected) scale = Math.max(scale, Math.abs(value));
  let worst = 0;
  let where = 0;
  for (let i = 0; i < expected.length; i++) {
    const error = Math.abs(actual[i]! - expected[i]!) / scale;
    if (!(error <= worst)) [worst, where] = [error, i];
  }
  expect(worst <= tolerance, `${what} element ${where}: ${actual[where]} instead of ${expected[where]}`).toBe(true);
}
