/** The autotuner on a real device: agreement first, then speed, kept by adapter and sizes, bounded in time. */
import { expect } from 'vitest';
import { type TuneStore, tune } from '../../src/gpu/autotune';
import type { GpuDevice } from '../../src/gpu/device';
import { gpuMs } from '../../src/gpu/gputime';
import type { Instr, Tensor } from '../../src/gpu/instr';
import type { Kernel, Params } from '../../src/gpu/kernel';
import { attention, colsum } from '../../src/gpu/kernels';
import { choose } from '../../src/gpu/pipeline';
import { Stream } from '../../src/gpu/stream';
import { Trace } from '../../src/trace/trace';
import { asChip, gpuTest, useGpu } from '../helpers/gpu';

useGpu();

const [R, C] = [64, 48];
/** Enough for any machine: what is looked at is the choice. */
const AMPLE_MS = 60_000;
const tensor = (name: string, shape: readonly number[]): Tensor => ({ name, shape, role: 'scratch', type: 'f32' });
const params = { R, C };

const WRONG = 'sumsq.wgsl';
const SLOW = { file: 'colsum.wgsl', knobs: { WG: 1 } };
const REORDERED = { file: 'colsum.wgsl', knobs: { WG: 2 }, order: 'other' };

function runOf(kernel: Kernel): readonly Instr[] {
  return [{ do: 'run', kernel, bind: { x: tensor('x', [R, C]), out: tensor('out', [C]) }, params, knobs: {} }];
}

class Memory implements TuneStore {
  readonly entries = new Map<string, string>();
  reads = 0;
  get(key: string) {
    this.reads++;
    return Promise.resolve(this.entries.get(key));
  }
  set(key: string, value: string) {
    this.entries.set(key, value);
    return Promise.resolve();
  }
}

const chosen = (device: GpuDevice, kernel: Kernel) => choose(device, kernel, {}, { ...params, outAt: 0 });

gpuTest('a variant that does not compile or does not agree is not chosen', async (device) => {
  const kernel = { ...colsum, twins: [{ file: WRONG, knobs: { WG: 64 } }] };
  const trace = new Trace();
  const said: string[] = [];
  trace.subscribe(({ name }) => said.push(name));
  await tune(device, [runOf(kernel)], { trace, sameBits: false, budgetMs: AMPLE_MS });
  expect(chosen(device, kernel).file).toBe('colsum.wgsl');
  expect(said).toEqual(['variant colsum.wgsl C=48 R=64: colsum.wgsl WG=8']);
});

gpuTest(
  'what was found is stored and taken without measuring; a choice that is none any more is measured again',
  async (device) => {
    const kernel = { ...colsum, twins: [SLOW] };
    const store = new Memory();
    await tune(device, [runOf(kernel)], { trace: new Trace(), sameBits: false, store, budgetMs: AMPLE_MS });
    const [key] = [...store.entries.keys()];
    expect(key).toContain(device.report.adapter);
    const names = ['colsum.wgsl WG=1', 'colsum.wgsl WG=8'];
    expect(names).toContain(store.entries.get(key!));
    for (const name of names) {
      store.entries.set(key!, name);
      const before = device.counters.dispatches;
      await tune(device, [runOf(kernel)], { trace: new Trace(), sameBits: false, store, budgetMs: AMPLE_MS });
      expect(device.counters.dispatches).toBe(before);
      expect(chosen(device, kernel).knobs.WG).toBe(name.endsWith('1') ? 1 : 8);
    }
    store.entries.set(key!, 'gone.wgsl');
    await tune(device, [runOf(kernel)], { trace: new Trace(), sameBits: false, store, budgetMs: AMPLE_MS });
    expect(names).toContain(store.entries.get(key!));
    device.picks.clear();
  },
);

gpuTest(
  'with ranks that compute the same values, no other order of additions; without time, the default',
  async (device) => {
    const kernel = { ...colsum, twins: [REORDERED] };
    await tune(device, [runOf(kernel)], { trace: new Trace(), sameBits: true, budgetMs: AMPLE_MS });
    expect(device.picks.size).toBe(0);
    const { buffersCreated } = device.counters;
    await tune(device, [runOf(kernel)], { trace: new Trace(), sameBits: false, budgetMs: -1 });
    expect(device.picks.size).toBe(0);
    expect(device.counters.buffersCreated).toBe(buffersCreated);
    expect(chosen(device, kernel).knobs.WG).toBe(8);
    await tune(device, [runOf(kernel)], { trace: new Trace(), sameBits: false, budgetMs: AMPLE_MS });
    expect(device.picks.size).toBe(1);
    expect(device.counters.buffersCreated).toBeGreaterThan(buffersCreated);
    expect(device.memory).toEqual({ param: 0, grad: 0, moment: 0, saved: 0, scratch: 0, staging: 0 });
    device.picks.clear();
  },
);

gpuTest("a pass is timed by the GPU's clock where there is one, and nothing of it stays", async (device) => {
  const stream = new Stream(device);
  const places = new Map([R * C, C].map((floats) => [floats, stream.table(new Uint32Array(floats))]));
  const placeOf = (one: Tensor) => places.get(one.shape.reduce((a, b) => a * b, 1))!;
  const list = await stream.prepare(runOf(colsum), placeOf, 'timed');
  const before = device.memory;
  const ms = await gpuMs(device, list, 100);
  if (device.raw.features.has('timestamp-query')) expect(ms).toBeGreaterThan(0);
  else expect(ms).toBeUndefined();
  expect(device.memory).toEqual(before);
  const without = Object.create(device, { raw: { value: { features: new Set() } } });
  expect(await gpuMs(without, list, 100)).toBeUndefined();
  stream.close();
});

gpuTest('what a step spends most operations on is measured first', async (device) => {
  const order: string[] = [];
  const store: TuneStore = {
    get: (key) => {
      order.push(key.split(' | ').at(-1)!);
      return Promise.resolve(undefined);
    },
    set: () => Promise.resolve(),
  };
  const kernel = { ...colsum, twins: [SLOW], flops: (p: Params) => p.C! };
  const other = { ...kernel, flops: (p: Params) => p.C! / 2 };
  const [often] = runOf(other);
  const small = { ...often!, params: { R, C: C - 8 } } as Instr;
  // three of 20 operations are more than one of 48
  await tune(device, [runOf(kernel), [small, small, small]], {
    trace: new Trace(),
    sameBits: false,
    store,
    budgetMs: -1,
  });
  expect(order).toEqual([`colsum.wgsl C=${C - 8} R=${R}`, `colsum.wgsl C=${C} R=${R}`]);
});

gpuTest('kernels of graphics chips are compared with each other, also where all ranks must agree', async (device) => {
  const chip = asChip(device);
  const sizes = { B: 1, T: 8, N: 1, NKV: 1, H: 48 };
  const bind = { qkv: tensor('qkv', [8, 144]), out: tensor('out', [8, 48]), lse: tensor('lse', [1, 1, 8]) };
  const run: Instr = { do: 'run', kernel: attention, bind, params: sizes, knobs: {} };
  await tune(chip, [[run]], { trace: new Trace(), sameBits: true, budgetMs: AMPLE_MS });
  expect([...chip.picks.values()]).toEqual([expect.stringContaining('attention_block.wgsl')]);
  chip.picks.clear();
});
