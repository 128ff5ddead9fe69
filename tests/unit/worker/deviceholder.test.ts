/** The device of a rank: a failure whose reason is a lost device is a loss, which a rank survives. */
import { expect, onTestFinished, test, vi } from 'vitest';
import { DeviceLost, PlanError } from '../../../src/errors';
import { makeMesh } from '../../../src/plan/mesh';
import { Trace } from '../../../src/trace/trace';
import { parseRunFile } from '../../../src/train/runfile';
import { DeviceHolder } from '../../../src/worker/deviceholder';
import { memoryTransports } from '../../helpers/memory';

const LIMITS = { maxStorageBuffersPerShaderStage: 8, maxBufferSize: 2 ** 28, maxStorageBufferBindingSize: 2 ** 27 };
const RUN = parseRunFile({ model: { layers: 1, heads: 1, dim: 8, context: 8, vocab: 16 }, data: { source: 'names' } });

/** A holder whose device refuses every command, and the function that reports it lost. */
async function refusing() {
  let lose = () => {};
  const lost = new Promise<GPUDeviceLostInfo>((resolve) => {
    lose = () => resolve({ reason: 'unknown', message: 'the process died' } as GPUDeviceLostInfo);
  });
  const raw = {
    features: new Set(),
    lost,
    queue: {},
    addEventListener: () => {},
    createBuffer: () => {
      throw new Error('the command was refused');
    },
  };
  const adapter = { limits: LIMITS, info: { vendor: 'test' }, features: new Set(), requestDevice: async () => raw };
  const holder = new DeviceHolder({ requestAdapter: async () => adapter } as unknown as GPU, undefined);
  await holder.open();
  return { holder, lose };
}

function make(holder: DeviceHolder, limitBytes = Number.POSITIVE_INFINITY) {
  const [transport] = memoryTransports(1);
  const mesh = makeMesh(0, [transport!.self], 0, RUN.plan);
  const { signal } = new AbortController();
  return holder.rankMaker({ limitBytes })({
    run: RUN,
    plan: RUN.plan,
    mesh,
    transport: transport!,
    signal,
    trace: new Trace(),
  });
}

test('a command that fails just before the browser reports the loss rejects with DeviceLost', async () => {
  const { holder, lose } = await refusing();
  setTimeout(lose, 50);
  await expect(make(holder)).rejects.toThrow(DeviceLost);
});

test('a command that fails on a device that stays is told as it is; a plan that does not fit is told at once', async () => {
  const { holder } = await refusing();
  await expect(make(holder)).rejects.not.toThrow(DeviceLost);
  await expect(make(holder, 1)).rejects.toThrow(PlanError);
});

test('a browser that refuses devices while its graphics process starts again is asked again, but not without end', async () => {
  vi.useFakeTimers();
  onTestFinished(() => void vi.useRealTimers());
  let refusals = 3;
  const nothing = () => {};
  const raw = {
    features: new Set(),
    lost: new Promise(nothing),
    queue: {},
    addEventListener: nothing,
    destroy: nothing,
  };
  const requestDevice = async () => {
    if (refusals-- > 0) throw new Error('the process is gone');
    return raw;
  };
  const adapter = { limits: LIMITS, info: { vendor: 'test' }, features: new Set(), requestDevice };
  const holder = new DeviceHolder({ requestAdapter: async () => adapter } as unknown as GPU, undefined);
  const opened = holder.reopen();
  await vi.runAllTimersAsync();
  expect((await opened).raw).toBe(raw);
  refusals = 100;
  const refused = expect(holder.reopen()).rejects.toThrow('the process is gone');
  await vi.runAllTimersAsync();
  await refused;
  expect(refusals).toBe(95);
});

test('without a device there is nothing to make a rank on', async () => {
  await expect(make(new DeviceHolder(undefined, undefined))).rejects.toThrow('no graphics device is open');
});
