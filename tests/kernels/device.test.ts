/** The device wrapper: what it counts and how it fails. */
import { expect } from 'vitest';
import { CapabilityError, DeviceLost, KernelError } from '../../src/errors';
import { openDevice, probe } from '../../src/gpu/device';
import { gpuTest, nodeGpu, useGpu } from '../helpers/gpu';

useGpu();

gpuTest('probe names the adapter and opens nothing', async () => {
  const report = await probe(nodeGpu());
  expect(report.adapter).not.toBe('');
  expect(report.maxBufferBytes).toBeGreaterThanOrEqual(128 * 2 ** 20);
});

gpuTest('no WebGPU is one sentence with a way out', async () => {
  await expect(probe(undefined)).rejects.toThrow(CapabilityError);
});

gpuTest('live bytes are counted by role, rounded up to 4', async (device) => {
  const before = device.memory.saved;
  const buffer = device.createStorage('saved', 10, 'counted');
  expect(device.memory.saved - before).toBe(12);
  device.destroyBuffer(buffer);
  expect(device.memory.saved).toBe(before);
  expect(() => device.destroyBuffer(buffer)).toThrow(KernelError);
});

gpuTest('a buffer above the limit is refused with the numbers', async (device) => {
  expect(() => device.createStorage('param', 2 ** 40, 'huge')).toThrow(/1099511627776 bytes/);
});

gpuTest('a refused command is thrown at the next check', async () => {
  const own = await openDevice(nodeGpu());
  own.raw.createBuffer({ size: 4, usage: GPUBufferUsage.MAP_READ | GPUBufferUsage.STORAGE });
  await own.raw.queue.onSubmittedWorkDone();
  expect(() => own.check()).toThrow(KernelError);
  own.close();
});

gpuTest('a closed device says it is lost', async () => {
  const own = await openDevice(nodeGpu());
  own.close();
  expect(await own.lost).toBeInstanceOf(DeviceLost);
  expect(() => own.check()).toThrow(DeviceLost);
});
