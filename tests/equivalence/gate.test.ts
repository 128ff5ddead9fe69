/** The join gate lets devices pass that compute right, with the kernels of either kind, and names those that do not. */
import { expect } from 'vitest';
import type { GpuDevice } from '../../src/gpu/device';
import { openDevice } from '../../src/gpu/device';
import { passGate } from '../../src/train/rank/gate';
import { asChip, gpuTest, nodeGpu, useGpu } from '../helpers/gpu';
import { memoryTransports } from '../helpers/memory';

useGpu();

const pass = (device: GpuDevice) => passGate(device, memoryTransports(1, { jitterMs: 0, seed: 1 })[0]!);

gpuTest('a software adapter passes', (device) => pass(device));
gpuTest('the kernels of graphics chips pass', (device) => pass(asChip(device)));

/** A driver that compiles `from` as `to` in every shader; a name that only ends like `from` stays. */
async function brokenDevice(from: string, to: string): Promise<GpuDevice> {
  const device = await openDevice(nodeGpu());
  const make = device.raw.createShaderModule.bind(device.raw);
  const pattern = new RegExp(`\\b${from.replace(/[(*.]/g, '\\$&')}`, 'g');
  device.raw.createShaderModule = (given) => make({ ...given, code: given.code.replace(pattern, to) });
  return device;
}

for (const [from, to] of [
  ['exp(', 'exp2('],
  ['0.5 * x', '0.6 * x'],
  ['sqrt(', 'abs('],
  ['max(', 'min('],
] as const) {
  gpuTest(`a driver that takes ${from} for ${to} is told so`, async () => {
    const device = await brokenDevice(from, to);
    try {
      await expect(pass(device)).rejects.toThrow(
        /computes wrong numbers: step \d of a small test gave loss \S+ instead/,
      );
    } finally {
      device.close();
    }
  });
}
