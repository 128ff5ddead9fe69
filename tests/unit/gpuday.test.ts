/** The table of gpu-day: what was measured, what failed, and PyTorch beside figures of the same name. */
import { expect, test } from 'vitest';
import { tableOf } from '../bench/gpuday/table';

test('a figure has its ratio to PyTorch, a part that failed its reason', () => {
  const rates = [
    { what: 'forward 2 x 2 x 2', kernel: 'matmul_tile.wgsl 16 x 8', ms: 1, gflops: 20_000 },
    { what: 'dW 2 x 2 x 2', kernel: 'matmul_tile.wgsl 16 x 8', ms: 1, gflops: 12.34 },
  ];
  const steps = [{ model: '0.1 M', batch: 16, msPerStep: 4, tokensPerSecond: 256_000, losses: [] }];
  const torch = { device: 'Acme 9000', products: { 'forward 2 x 2 x 2': 40_000 }, steps: { '0.1 M': 2 } };
  const table = tableOf([
    { part: 'products', seconds: 3, result: { adapter: 'acme', rates } },
    { part: 'steps', seconds: 9, result: { adapter: 'acme', rates: steps } },
    { part: 'torch', seconds: 5, result: torch },
    { part: 'variants', seconds: 1, result: [{ what: 'product', ways: 6, different: ['matmul_tile.wgsl {}'] }] },
    { part: 'browser', seconds: 80, failed: 'ended after 80 s' },
  ]);
  expect(table).toContain('products on acme, PyTorch on Acme 9000');
  expect(table).toContain('forward 2 x 2 x 2: 20000 GFLOP/s (matmul_tile.wgsl 16 x 8), PyTorch 40000: 0.50 of it');
  expect(table).toContain('dW 2 x 2 x 2: 12.3 GFLOP/s (matmul_tile.wgsl 16 x 8)\n');
  expect(table).toContain('0.1 M batch 16: 4.00 ms, 256000 tokens/s, PyTorch 2.00 ms: 2.00 times its time');
  expect(table).toContain('product: 6 ways, DIFFERENT matmul_tile.wgsl {}');
  expect(table).toContain('browser: 80 s, FAILED: ended after 80 s');
});
