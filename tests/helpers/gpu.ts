/**
 * One Dawn device per test file, on the SwiftShader that ships with the browser (or the Vulkan driver the environment names).
 * `gpuTest` runs a test inside a validation error scope, so a wrong binding fails the test that made it.
 */
import { existsSync, realpathSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, test } from 'vitest';
import { create, globals } from 'webgpu';
import { findBrowser } from '../../src/cli/machine/browser';
import { pauseBetweenPolls } from '../../src/cli/machine/dawnpolls';
import { GpuDevice, openDevice } from '../../src/gpu/device';

const ICD = 'vk_swiftshader_icd.json';

/** The driver file beside the browser's program, in the folders of distributions and Playwright. */
function findIcd(): string | undefined {
  const browser = findBrowser();
  const folders = browser ? [dirname(realpathSync(browser)), '/usr/lib/chromium'] : ['/usr/lib/chromium'];
  return folders.map((folder) => join(folder, ICD)).find((path) => existsSync(path));
}

/** Selects the browser's software adapter if there is one, so that the tests' numbers do not depend on the machine. */
function prepareEnvironment(): void {
  if (process.platform !== 'linux') return;
  process.env.XDG_RUNTIME_DIR ??= '/tmp';
  const icd = findIcd();
  if (icd) process.env.VK_ICD_FILENAMES ??= icd;
}

let shared: GPU | undefined;

/** Dawn in this process: one instance, made at the first call; WebGPU's constants become globals. */
export function nodeGpu(): GPU {
  if (!shared) {
    prepareEnvironment();
    Object.assign(globalThis, globals);
    pauseBetweenPolls();
    shared = create([]);
  }
  return shared;
}

let device: GpuDevice | undefined;

/** The device shared by this file's tests; call `useGpu()` at the top of the file first. */
export function gpu(): GpuDevice {
  if (!device) throw new Error('call useGpu() at the top of this test file');
  return device;
}

/** Open the file's device before its tests and close it after them. */
export function useGpu(open = () => openDevice(nodeGpu())): void {
  beforeAll(async () => {
    device = await open();
    console.info(`adapter: ${device.report.adapter}`);
  });
  afterAll(() => {
    device?.close();
    device = undefined;
  });
}

/** A test inside a validation error scope: any validation error fails it. */
export function gpuTest(name: string, body: (device: GpuDevice) => Promise<void>): void {
  test(name, async () => {
    const { raw } = gpu();
    raw.pushErrorScope('validation');
    try {
      await body(gpu());
    } finally {
      const error = await raw.popErrorScope();
      // biome-ignore lint/correctness/noUnsafeFinally: the validation error is the cause of whatever the body threw
      if (error) throw new Error(`validation error: ${error.message}`);
    }
  });
}

const chips = new WeakMap<GpuDevice, GpuDevice>();

/** The same device under a report that says graphics chip, so that it runs the kernels of those. */
export function asChip(device: GpuDevice): GpuDevice {
  const chip = chips.get(device) ?? new GpuDevice(device.raw, { ...device.report, software: false });
  chips.set(device, chip);
  return chip;
}

/**
 * Whether all sizes are tested with the kernels of graphics chips (`npm run test:kernels`). A processor compiles one of
 * them for up to ten seconds, so `npm test` takes some sizes.
 */
export const isThorough = process.env.TABTRAIN_KERNELS === 'all';

/** A test with the kernels of this adapter, and one with those of graphics chips on it if `isChosen` or isThorough. */
export function bothTest(name: string, body: (device: GpuDevice) => Promise<void>, isChosen = true): void {
  gpuTest(name, body);
  if (!isChosen && !isThorough) return;
  gpuTest(`${name}, kernels of graphics chips`, (device) => body(asChip(device)));
}
