/** Who computes with f16: ranks of runs that ask for it, on adapters that can, and nobody else. */
import { describe, expect, test } from 'vitest';
import { CapabilityError } from '../../src/errors';
import { GpuDevice } from '../../src/gpu/device';
import type { Knobs } from '../../src/gpu/kernel';
import { layernorm, matmul } from '../../src/gpu/kernels';
import { candidates, choose, pipelineKey, tuneKey } from '../../src/gpu/pipeline';
import { expand } from '../../src/gpu/shaders';
import { makeMesh } from '../../src/plan/mesh';
import { Trace } from '../../src/trace/trace';
import { rankMaker } from '../../src/train/rank/rankmodel';
import { parseRunFile } from '../../src/train/runfile';
import { memoryTransports } from '../helpers/memory';
import { loadAllShaders } from '../helpers/wgsl';

await loadAllShaders();

const SIZES = [
  { M: 64, N: 64, K: 256 },
  { M: 3, N: 5, K: 7 },
];

/** A device that can be asked what it has, and nothing else. */
function deviceWith(features: readonly GPUFeatureName[], software = false): GpuDevice {
  const raw = { features: new Set(features), lost: new Promise(() => {}), addEventListener: () => {} };
  return new GpuDevice(raw as unknown as GPUDevice, { adapter: 'Acme 9000', software, maxBufferBytes: 2 ** 28 });
}

const filesOf = (device: GpuDevice, kernel = matmul, sizes = SIZES[0]!) =>
  candidates(device, kernel, {}, sizes).map(({ file }) => file);

describe('without being asked', () => {
  test.each([true, false])('nothing stores f16, software adapter: %s', (software) => {
    const device = deviceWith(['shader-f16', 'subgroups'], software);
    for (const sizes of SIZES) {
      expect(filesOf(device, matmul, sizes).some((file) => file.startsWith('matmul_tile'))).toBe(true);
      expect(filesOf(device, matmul, sizes).filter((file) => file.startsWith('matmul_half'))).toEqual([]);
    }
  });
});

describe('a run that asks for f16', () => {
  test.each([true, false])('has only ways that store f16, software adapter: %s', (software) => {
    const device = deviceWith(['shader-f16', 'subgroups'], software);
    device.askMatmulPrecision('f16');
    for (const sizes of SIZES) {
      const files = filesOf(device, matmul, sizes);
      expect(files.length).toBeGreaterThan(0);
      expect(files.length).toBeLessThanOrEqual(software ? 5 : 4);
      expect(files.filter((file) => !file.startsWith('matmul_half'))).toEqual([]);
    }
    device.askMatmulPrecision('f32');
    expect(filesOf(device).filter((file) => file.startsWith('matmul_half'))).toEqual([]);
  });

  test('multiplies on a chip by the tiles it would take in f32, odd sizes by single loads', () => {
    const device = deviceWith(['shader-f16']);
    const names = (sizes: { M: number; N: number; K: number }, taped: Knobs = {}) =>
      candidates(device, matmul, taped, sizes).map(pipelineKey);
    const whole = names({ M: 16384, N: 1536, K: 384 }).filter((name) => name.startsWith('matmul_tile.'));
    device.askMatmulPrecision('f16');
    const half = names({ M: 16384, N: 1536, K: 384 });
    expect(half).toEqual(whole.map((name) => name.replace('matmul_tile', 'matmul_half4')));
    expect(names(SIZES[1]!)).toEqual(['matmul_half.wgsl TM=4 TN=8 WX=8 WY=16']);
    const parts = names({ M: 384, N: 1536, K: 16384 }, { TA: 1, ACC: 1, PARTS: 13 });
    expect(parts).toEqual(['matmul_half4.wgsl SPLIT=13 TM=8 TN=8 WX=16 WY=16']);
  });

  test('has what it had for kernels that store nothing in f16', () => {
    const device = deviceWith(['shader-f16']);
    device.askMatmulPrecision('f16');
    const sizes = { R: 4, C: 8 };
    expect(candidates(device, layernorm, {}, sizes).map(({ file }) => file)).toEqual(['layernorm_lanes.wgsl']);
  });

  test('is not talked out of it by what the autotuner picked for another run', () => {
    const device = deviceWith(['shader-f16']);
    device.picks.set(tuneKey(matmul, {}, SIZES[0]!), 'matmul_splitk.wgsl TM=4 TN=4 WX=4 WY=4');
    expect(choose(device, matmul, {}, SIZES[0]!).file).toBe('matmul_splitk.wgsl');
    device.askMatmulPrecision('f16');
    expect(choose(device, matmul, {}, SIZES[0]!).file).toBe('matmul_half4.wgsl');
  });

  test('is refused before a rank is made where the adapter has no f16, with the way out', async () => {
    const device = deviceWith(['subgroups']);
    const run = parseRunFile({ model: { vocab: 8 }, train: { matmulPrecision: 'f16' } });
    const [transport] = memoryTransports(1);
    const mesh = makeMesh(1, [transport!.self], 0, run.plan);
    const { signal } = new AbortController();
    const making = rankMaker({ device })({
      run,
      plan: run.plan,
      mesh,
      transport: transport!,
      signal,
      trace: new Trace(),
    });
    await expect(making).rejects.toThrow(CapabilityError);
    await expect(making).rejects.toThrow(/matmulPrecision f16 .* Acme 9000 has no shader-f16: leave the field out/);
    expect(device.matmulPrecision).toBe('f32');
    expect(device.counters.buffersCreated).toBe(0);
  });
});

test.each([
  ['matmul_half.wgsl', 'matmul_tile1.wgsl'],
  ['matmul_half4.wgsl', 'matmul_tile.wgsl'],
])('%s is %s in another type, to the letter', (halfFile, wholeFile) => {
  const code = (file: string) =>
    expand(file)
      .replace(/^\/\/.*\n/gm, '')
      .trimStart();
  const half = code(halfFile);
  expect(half).toContain('alias Stored = vec4<f16>;');
  const whole = half.replace('enable f16;\n\n', '').replace('alias Stored = vec4<f16>;', 'alias Stored = vec4f;');
  expect(whole).toBe(code(wholeFile));
});

describe('on a graphics chip', () => {
  const first = (M: number, N: number, K: number, taped: Knobs = {}) =>
    pipelineKey(candidates(deviceWith([]), matmul, taped, { M, N, K })[0]!);

  test('products run by the largest tiles that fill it, odd sizes by single loads', () => {
    expect(first(16384, 1536, 384)).toBe('matmul_tile.wgsl TM=8 TN=8 WX=16 WY=16');
    expect(first(512, 512, 128)).toBe('matmul_tile.wgsl TM=8 TN=4 WX=16 WY=8');
    expect(first(64, 256, 1024, { TA: 1 })).toBe('matmul_tile.wgsl TM=4 TN=4 WX=8 WY=8');
    expect(first(1, 50_256, 768, { TB: 1 })).toBe('matmul_tile.wgsl TM=4 TN=4 WX=8 WY=8');
    expect(first(512, 65, 64)).toBe('matmul_tile1.wgsl TM=8 TN=4 WX=16 WY=8');
    expect(first(65, 64, 512, { TA: 1 })).toBe('matmul_tile1.wgsl TM=8 TN=4 WX=16 WY=8');
  });

  test('at most four ways are tried, the reference among them', () => {
    for (const M of [64, 1024, 16384]) {
      const ways = filesOf(deviceWith(['subgroups']), matmul, { M, N: 512, K: 512 });
      expect(ways.length).toBeLessThanOrEqual(4);
      expect(ways).toContain('matmul.wgsl');
      expect(ways).not.toContain('matmul_quad4.wgsl');
    }
  });
});
