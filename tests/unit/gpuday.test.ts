/** The table of gpu-day: what was measured, what failed, and PyTorch beside figures of the same name. */
import { expect, test } from 'vitest';
import { DAY_SHAPES } from '../bench/gpu/shapes';
import { expectedMs } from '../bench/gpuday/expected';
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

test('sizes that were not reached are said, and are no failure', () => {
  const steps = [{ model: '0.1 M', batch: 16, msPerStep: 400, tokensPerSecond: 2560, losses: [] }];
  const missed = ['10.7 M', '124 M'];
  const table = tableOf([
    { part: 'steps', seconds: 41, result: { adapter: 'slow', software: true, rates: steps, missed } },
    { part: 'browser', seconds: 256, result: { adapter: 'slow', software: true, table: '| tiny |\n', missed } },
  ]);
  expect(table).toContain('  10.7 M: not reached in 41 s on a software adapter');
  expect(table).toContain(
    'steps in Chromium on slow\n\n| tiny |\n  10.7 M: not reached in 256 s on a software adapter\n',
  );
  expect(table).not.toContain('FAILED');
});

test('a larger size is expected to take time by its tokens and parameters', () => {
  const [, small, large, largest] = DAY_SHAPES;
  const counts = { dispatches: 0, submits: 0, buffers: 0, writes: 0, liveBytes: 0, peakBytes: 0 };
  const rest = { turns: [], firstLosses: [], counts };
  const peers = [
    { name: 'tabtrain', msPerStep: 100, ...rest },
    { name: 'jax-js', msPerStep: 300, ...rest },
  ] as const;
  const before = { shape: 'small', tokensPerStep: 512, peers };
  expect(expectedMs(small!, 2, undefined)).toBe(0);
  // 8 steps of 100 ms and 6 of 300; 32 times the tokens, 13.1 times the parameters
  expect(expectedMs(large!, 2, before) / (2600 * 32)).toBeCloseTo(13.1, 1);
  // 8 steps of 100 ms; 16 times the tokens, 150.6 times the parameters
  expect(expectedMs(largest!, 2, before) / (800 * 16)).toBeCloseTo(150.6, 1);
});
