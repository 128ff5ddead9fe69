/** Files that store f16 compile as they stand, also where the tests' adapter has no f16 and it is emulated to be run. */
import { expect, test } from 'vitest';
import { matmul } from '../../src/gpu/kernels';
import { choose, pipelineFor } from '../../src/gpu/pipeline';
import { openNullDevice } from '../helpers/halfgpu';
import { MODES } from '../helpers/products';

test("Dawn's compiler takes matmul_half and matmul_half4 with every layout and epilogue", async () => {
  const device = await openNullDevice();
  device.askMatmulPrecision('f16');
  for (const [file, sizes] of [
    ['matmul_half.wgsl', { M: 21, N: 37, K: 17 }],
    ['matmul_half4.wgsl', { M: 20, N: 36, K: 16 }],
    ['matmul_half4.wgsl', { M: 2048, N: 2048, K: 20 }],
  ] as const) {
    for (const knobs of [...MODES, { TA: 1, ACC: 1, BIASGRAD: 1 }]) {
      const choice = choose(device, matmul, knobs, sizes);
      expect(choice.file).toBe(file);
      await pipelineFor(device, matmul, choice);
    }
  }
  device.check();
  device.close();
});

test('what does not compile is said, so that compiling means something', async () => {
  const device = await openNullDevice();
  const wrong = pipelineFor(device, matmul, { file: 'matmul_half.wgsl', knobs: { TM: 3 } });
  await expect(wrong).rejects.toThrow(/matmul_half.wgsl TM=3, line \d+: /);
  device.close();
});
