/** The stream: order of calls, reads, collectives, counters, refusals; and what it allocates once running. */
import { expect } from 'vitest';
import { DeviceLost, KernelError } from '../../src/errors';
import { type GpuDevice, openDevice } from '../../src/gpu/device';
import type { Instr, Place, Tensor } from '../../src/gpu/instr';
import { adamw, colsum, sum } from '../../src/gpu/kernels';
import { pipelineFor } from '../../src/gpu/pipeline';
import { Stream } from '../../src/gpu/stream';
import { Trace, type TraceEvent } from '../../src/trace/trace';
import { gpuTest, nodeGpu, useGpu } from '../helpers/gpu';

useGpu();

const tensor = (name: string, floats: number): Tensor => ({ name, shape: [floats], role: 'scratch', type: 'f32' });

function place(device: GpuDevice, data: readonly number[]): Place {
  const buffer = device.createStorage('scratch', data.length * 4, 'data');
  device.raw.queue.writeBuffer(buffer, 0, Float32Array.from(data));
  return { buffer, at: 0, floats: data.length };
}

/** out[0] += sum of x[0..3). */
const addUp = (x: Tensor, out: Tensor): Instr => ({
  do: 'run',
  kernel: colsum,
  bind: { x, out },
  params: { R: 3, C: 1 },
  knobs: {},
});

const [x, out] = [tensor('x', 3), tensor('out', 1)];

async function prepared(device: GpuDevice, instrs: readonly Instr[]) {
  const stream = new Stream(device);
  const places = new Map([
    ['x', place(device, [1, 2, 3])],
    ['out', place(device, [0])],
  ]);
  const list = await stream.prepare(instrs, (t) => places.get(t.name)!, 'list');
  return { stream, list, x: places.get('x')!, out: places.get('out')! };
}

gpuTest('writes, encodes and reads happen in the order of the calls', async (device) => {
  const { stream, list, x: xPlace, out: outPlace } = await prepared(device, [addUp(x, out)]);
  stream.encode(list);
  stream.write(xPlace, Float32Array.from([10, 20, 30]));
  stream.encode(list);
  const first = stream.read(outPlace);
  stream.clear(outPlace);
  stream.encode(list);
  const second = stream.read(outPlace);
  expect([...(await first)]).toEqual([66]);
  expect([...(await second)]).toEqual([60]);
});

gpuTest('a list is cut at its collectives', async (device) => {
  const reduce: Instr = { do: 'allReduce', op: 'sum', axis: 'tp', tensor: out };
  const { stream, list, out: outPlace } = await prepared(device, [addUp(x, out), reduce, addUp(x, out)]);
  expect(list.segments.map((segment) => segment.length)).toEqual([1, 1]);
  expect(list.collectives).toEqual([{ op: 'sum', place: outPlace }]);
  expect(() => stream.encode(list)).toThrow(KernelError);
  expect(() => stream.encode(list, 2)).toThrow(KernelError);
  stream.encode(list, 0);
  expect([...(await stream.read(outPlace))]).toEqual([6]);
  stream.encode(list, 1);
  expect([...(await stream.read(outPlace))]).toEqual([12]);
});

gpuTest('many lists go in one submit, and the steady state creates no buffer', async (device) => {
  const { stream, list, x: xPlace, out: outPlace } = await prepared(device, [addUp(x, out)]);
  const into = [new Float32Array(3), new Float32Array(1)];
  const step = async () => {
    for (let i = 0; i < 5; i++) stream.encode(list);
    await stream.readMany([xPlace, outPlace], into);
  };
  await step();
  const { submits, buffersCreated, dispatches } = device.counters;
  const staging = device.memory.staging;
  await step();
  expect(device.counters).toEqual({ submits: submits + 1, buffersCreated, dispatches: dispatches + 5 });
  expect(device.memory.staging).toBe(staging);
  expect(into.map((data) => [...data])).toEqual([[1, 2, 3], [60]]);
});

gpuTest('reads may overlap, each with its own staging buffer', async (device) => {
  const { stream, x: xPlace } = await prepared(device, []);
  const [a, b] = await Promise.all([stream.read(xPlace), stream.read({ ...xPlace, at: 1, floats: 2 })]);
  expect([...a!]).toEqual([1, 2, 3]);
  expect([...b!]).toEqual([2, 3]);
});

gpuTest('params can change between encodes', async (device) => {
  const stream = new Stream(device);
  const places: Record<string, Place> = {
    grad: place(device, [1]),
    param: place(device, [0]),
    moment: place(device, [0, 0]),
    ranges: stream.table(Uint32Array.of(0, 0, 0, 1, 0, 0, 0, 0)),
  };
  const bind = Object.fromEntries(Object.entries(places).map(([name, { floats }]) => [name, tensor(name, floats)]));
  const fixed = { count: 1, longest: 1, beta1: 0, beta2: 0, eps: 0, weightDecay: 0, c1: 1, c2: 1 };
  const params = { ...fixed, lr: 1, scale: 1 };
  const list = await stream.prepare(
    [{ do: 'run', kernel: adamw, bind, params, knobs: {} }],
    (t) => places[t.name]!,
    'step',
  );
  stream.encode(list);
  stream.setParams(list, { lr: 0.25 });
  stream.encode(list);
  expect([...(await stream.read(places.param!))]).toEqual([-1.25]);
});

gpuTest('a binding or param that is missing, unknown or aliased is refused by name', async (device) => {
  const run = (bind: Record<string, Tensor>, params: Record<string, number> = { R: 3, C: 1 }) =>
    prepared(device, [{ do: 'run', kernel: colsum, bind, params, knobs: {} }]);
  await expect(run({ x })).rejects.toThrow(/binding out is missing/);
  await expect(run({ x, out, y: x })).rejects.toThrow(/no binding y/);
  await expect(run({ x: out, out })).rejects.toThrow(/out and x are in one buffer/);
  await expect(run({ x, out }, { R: 3 })).rejects.toThrow(/param C is missing/);
  await expect(run({ x, out }, { R: 3, C: 1, D: 1 })).rejects.toThrow(/no param D/);
  await expect(run({ x, out }, { R: 3, C: -1 })).rejects.toThrow(/cannot be -1/);
});

gpuTest('a tensor inside a buffer needs an offset param', async (device) => {
  const stream = new Stream(device);
  const where = place(device, [1, 2, 3, 4]);
  const other = place(device, [0]);
  const instr: Instr = { do: 'run', kernel: sum, bind: { x, out }, params: { n: 3 }, knobs: {} };
  const placeOf = (t: Tensor): Place => (t.name === 'x' ? { ...where, at: 1 } : other);
  await expect(stream.prepare([instr], placeOf, 'list')).rejects.toThrow(/x begins at 1/);
});

gpuTest('a shader that does not compile says message, line and source', async (device) => {
  const wrong = pipelineFor(device, colsum, { file: 'colsum.wgsl', knobs: { WG: 0 } });
  await expect(wrong).rejects.toThrow(KernelError);
});

gpuTest('a pipeline is compiled once, also when asked for twice at once', async (device) => {
  const choice = { file: 'colsum.wgsl', knobs: { WG: 4 } };
  const [a, b] = await Promise.all([pipelineFor(device, colsum, choice), pipelineFor(device, colsum, choice)]);
  expect(a).toBe(b);
});

gpuTest('profiling emits one gpu event per dispatch', async (device) => {
  const trace = new Trace();
  const events: TraceEvent[] = [];
  trace.subscribe((event) => events.push(event));
  const stream = new Stream(device, trace);
  const places = [place(device, [1, 2, 3]), place(device, [0])];
  const list = await stream.prepare([addUp(x, out), addUp(x, out)], (t) => places[t === x ? 0 : 1]!, 'list');
  stream.startProfile();
  stream.encode(list);
  stream.encode(list);
  await stream.stopProfile();
  stream.encode(list);
  await stream.read(places[1]!);
  expect(events.map(({ lane, name }) => [lane, name])).toEqual(Array(4).fill(['gpu', 'colsum.wgsl']));
  expect(events.every(({ t0, t1 }) => t1 >= t0)).toBe(true);
});

gpuTest('a lost device rejects pending reads and later submits', async () => {
  const own = await openDevice(nodeGpu());
  const { stream, list, out: outPlace } = await prepared(own, [addUp(x, out)]);
  const pending = stream.read(outPlace);
  own.raw.destroy();
  await expect(pending).rejects.toThrow(DeviceLost);
  stream.encode(list);
  expect(() => stream.flush()).toThrow(DeviceLost);
});
