/** Under which flags a driven browser finds a GPU, or surely none. */
import { expect, test } from 'vitest';
import { browserFlags } from '../../../src/cli/machine/browser';

test('a real GPU needs Vulkan on Linux only; the software adapter never does', () => {
  expect(browserFlags(false, 'linux')).toContain('--enable-features=PartitionAllocLargeEmptySlotSpanRing,Vulkan');
  expect(browserFlags(false, 'darwin').join()).not.toContain('Vulkan');
  expect(browserFlags(true, 'linux')).toContain('--use-webgpu-adapter=swiftshader');
  expect(browserFlags(true, 'linux').join()).not.toContain('Vulkan');
});
