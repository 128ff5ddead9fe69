/**
 * Devices for matmul_half.wgsl. SwiftShader has no shader-f16; there f16 is emulated: the file's stored type becomes
 * f32, rounded to 11 bits. Dawn's null adapter shows that the file compiles unchanged.
 */
import { create, globals } from 'webgpu';
import { type GpuDevice, openDevice } from '../../src/gpu/device';
import { nodeGpu } from './gpu';

/** A device with f16: the adapter's own if it has it, else emulated; for `useGpu`. */
export async function openHalfDevice(): Promise<GpuDevice> {
  const device = await openDevice(nodeGpu());
  const isOwn = device.raw.features.has('shader-f16');
  if (!isOwn) emulate(device.raw);
  console.info(`f16: ${isOwn ? "the adapter's own" : 'emulated, the adapter has no shader-f16'}`);
  return device;
}

/**
 * A device that has shader-f16 and Dawn's whole WGSL compiler, and computes nothing. Use it in a test file of its own:
 * Dawn crashes with devices of two backends in one process.
 */
export function openNullDevice(): Promise<GpuDevice> {
  Object.assign(globalThis, globals);
  nullGpu ??= create(['backend=null']);
  return openDevice(nullGpu);
}

/** Kept in a variable because Dawn ends with the object that create() returns. */
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
 * Rounds to the nearest number of 11 bits, ties to even; f16's range is not emulated. It works on integers because
 * NVIDIA's compiler removes a pack2x16float followed by unpack2x16float (H200, driver 580).
 */
const ROUNDED = `fn rounded(x: vec4f) -> vec4f {
  let bits = bitcast<vec4u>(x);
  return bitcast<vec4f>((bits + 0xfffu + ((bits >> vec4u(13u)) & vec4u(1u))) & vec4u(0xffffe000u));
}`;

function withoutF16(code: string): string {
  if (!code.includes('enable f16;')) return code;
  return code
    .replace('enable f16;', ROUNDED)
    .replace('alias Stored = vec4<f16>;', 'alias Stored = vec4f;')
    .replaceAll('Stored(', 'rounded(');
}
