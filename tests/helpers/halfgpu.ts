/**
 * Devices for matmul_half.wgsl. SwiftShader has no shader-f16: there f16 is emulated, the file's stored type rounded to 11
 * bits. That the file compiles as it stands is seen on Dawn's null adapter.
 */
import { create, globals } from 'webgpu';
import { type GpuDevice, openDevice } from '../../src/gpu/device';
import { nodeGpu } from './gpu';

/** A device with f16, its own where the adapter has it; for `useGpu`. */
export async function openHalfDevice(): Promise<GpuDevice> {
  const device = await openDevice(nodeGpu());
  const isOwn = device.raw.features.has('shader-f16');
  if (!isOwn) emulate(device.raw);
  console.info(`f16: ${isOwn ? "the adapter's own" : 'emulated, the adapter has no shader-f16'}`);
  return device;
}

/**
 * A device that has shader-f16 and Dawn's whole WGSL compiler, and computes nothing. In a file of its own: Dawn crashes
 * with devices of two backends in one process.
 */
export function openNullDevice(): Promise<GpuDevice> {
  Object.assign(globalThis, globals);
  nullGpu ??= create(['backend=null']);
  return openDevice(nullGpu);
}

/** Kept: Dawn ends with the object that create() gives. */
let nullGpu: GPU | undefined;

function emulate(raw: GPUDevice): void {
  const compile = raw.createShaderModule.bind(raw);
  const emulated = (given: GPUShaderModuleDescriptor) => compile({ ...given, code: withoutF16(given.code) });
  Object.defineProperties(raw, {
    features: { value: new Set([...raw.features, 'shader-f16']) },
    createShaderModule: { value: emulated },
  });
}

/**
 * To the nearest number of 11 bits, ties to even; f16's range is not emulated. By integers: NVIDIA's compiler takes
 * pack2x16float and unpack2x16float together for no change at all (H200, driver 580).
 */
const ROUNDED = `fn rounded(x: f32) -> f32 {
  let bits = bitcast<u32>(x);
  return bitcast<f32>((bits + 0xfffu + ((bits >> 13u) & 1u)) & 0xffffe000u);
}`;

function withoutF16(code: string): string {
  if (!code.includes('enable f16;')) return code;
  return code
    .replace('enable f16;', ROUNDED)
    .replace('alias Stored = f16;', 'alias Stored = f32;')
    .replaceAll('Stored(', 'rounded(');
}
