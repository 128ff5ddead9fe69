/**
 * Sums and maxima over threads by subgroup shuffles, as graphics chips may: the bits of those through workgroup memory. Here
 * subgroups have four threads, so that every row uses both.
 */
import { expect } from 'vitest';
import type { GpuDevice } from '../../src/gpu/device';
import type { Kernel, Knobs } from '../../src/gpu/kernel';
import { layernorm, layernormBack, xent } from '../../src/gpu/kernels';
import { rmsnorm, rmsnormBack } from '../../src/gpu/kernels.llama';
import { xentFold, xentMax, xentSum } from '../../src/gpu/kernels.split';
import { normGroups } from '../../src/gpu/lanes';
import { candidates } from '../../src/gpu/pipeline';
import { asChip, gpuTest, useGpu } from '../helpers/gpu';
import { type Numbers, random, runKernel } from '../helpers/kernelrun';

useGpu();

interface Run {
  readonly kernel: Kernel;
  readonly params: Readonly<Record<string, number>>;
  readonly bind: Readonly<Record<string, Numbers>>;
  readonly knobs?: Knobs;
}

async function expectSameBits(device: GpuDevice, { kernel, params, bind, knobs = {} }: Run): Promise<void> {
  const chip = asChip(device);
  const ways = candidates(chip, kernel, knobs, params);
  const least = device.raw.adapterInfo.subgroupMinSize;
  expect(ways.map((way) => way.knobs.SHUFFLED)).toEqual([undefined, least]);
  const [tree, shuffled] = await Promise.all(
    ways.map(({ file, knobs: own }) => {
      const only = { ...kernel, file, variants: [own], twins: [] };
      return runKernel(chip, { kernel: only, params, bind, knobs, out: kernel.writes });
    }),
  );
  expect(shuffled).toEqual(tree);
  // what ran has written something
  expect(tree![kernel.writes[0]!]).not.toEqual(Float32Array.from(bind[kernel.writes[0]!]!));
}

const zeros = (floats: number) => new Float32Array(floats);

for (const [R, C] of [
  [19, 60],
  [9, 132],
  [5, 768],
] as const) {
  const [x, gamma, beta, dy] = [random(R * C, 1), random(C, 2), random(C, 3), random(R * C, 4)];
  const stats = random(2 * R, 5);
  gpuTest(`norms over ${R} rows of ${C}`, async (device) => {
    const eps = 1e-5;
    const bind = { x, gamma, beta, y: zeros(R * C), stats: zeros(2 * R) };
    await expectSameBits(device, { kernel: layernorm, params: { R, C, eps }, bind });
    const parts = zeros(2 * C * normGroups(R, C));
    const back = { x, gamma, stats, dy, dx: zeros(R * C), parts, grad: zeros(2 * C) };
    const params = { R, C, betaAt: C };
    await expectSameBits(device, { kernel: layernormBack, params, bind: back, knobs: { WEIGHTS: 1 } });
    const rms = { x, gamma, y: zeros(R * C), rstd: zeros(R) };
    await expectSameBits(device, { kernel: rmsnorm, params: { R, C, eps }, bind: rms });
    const rmsBack = {
      x,
      gamma,
      rstd: random(R, 6),
      dy,
      dx: zeros(R * C),
      parts: zeros(parts.length / 2),
      grad: zeros(C),
    };
    await expectSameBits(device, { kernel: rmsnormBack, params: { R, C }, bind: rmsBack, knobs: { WEIGHTS: 1 } });
  });
}

for (const [R, V] of [
  [17, 65],
  [5, 300],
  [3, 1100],
] as const) {
  gpuTest(`losses over ${R} rows of ${V} logits`, async (device) => {
    const targets = Uint32Array.from({ length: R }, (_, row) => (row * 37) % V);
    const logits = random(R * V, 1);
    const peak = random(R, 2);
    await expectSameBits(device, { kernel: xent, params: { R, V }, bind: { targets, logits, loss: zeros(R) } });
    await expectSameBits(device, { kernel: xentMax, params: { R, V }, bind: { logits, peak: zeros(R) } });
    const sums = zeros(2 * R);
    await expectSameBits(device, { kernel: xentSum, params: { R, V, lo: 0 }, bind: { logits, targets, peak, sums } });
    const fold = { logits, targets, peak: random(R, 3), sums: random(2 * R, 4) };
    await expectSameBits(device, {
      kernel: xentFold,
      params: { R, V, lo: 0 },
      bind: fold,
      knobs: { FIRST: 0, LAST: 0 },
    });
  });
}
