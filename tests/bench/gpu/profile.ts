/** Where one training step of ours spends the GPU's time, by kernel file, from timestamp queries. */
import { openDevice } from '../../../src/gpu/device';
import { Trace, type TraceEvent } from '../../../src/trace/trace';
import { measurePeak, type Peak } from '../../../src/worker/chip/peak';
import { trainerOn } from './ours';
import type { Weight } from './peer';
import { batchAt, type TrainShape } from './shapes';

export interface ProfileRow {
  readonly kernel: string;
  readonly calls: number;
  readonly ms: number;
  readonly flops: number;
  readonly bytes: number;
}

export interface Profile {
  readonly shape: string;
  readonly rows: readonly ProfileRow[];
  readonly peak: Peak;
  /** Of a step without the profile. */
  readonly stepMs: number;
  /** Floating point operations of the model's matrix products and attention, forward and backward. */
  readonly modelFlops: number;
}

export async function profileOf(shape: TrainShape, weights: readonly Weight[]): Promise<Profile> {
  const device = await openDevice();
  const peak = await measurePeak(device.raw);
  const trace = new Trace();
  const { rank, step, close } = await trainerOn(device, trace, shape, weights);
  const { stream } = rank.executor.instance;
  for (let i = 0; i < 2; i++) await step(batchAt(shape, i), i);
  const began = performance.now();
  await step(batchAt(shape, 2), 2);
  const stepMs = performance.now() - began;
  stream.startProfile();
  await step(batchAt(shape, 3), 3);
  const events: TraceEvent[] = [];
  const stop = trace.subscribe((event) => {
    if (event.lane === 'gpu' && event.name.endsWith('.wgsl')) events.push(event);
  });
  await stream.stopProfile();
  stop();
  close();
  device.close();
  const rows = new Map<string, ProfileRow>();
  for (const { name: kernel, t0, t1, flops = 0, bytes = 0 } of events) {
    const row = rows.get(kernel) ?? { kernel, calls: 0, ms: 0, flops: 0, bytes: 0 };
    const { calls, ms } = row;
    rows.set(kernel, {
      kernel,
      calls: calls + 1,
      ms: ms + t1 - t0,
      flops: row.flops + flops,
      bytes: row.bytes + bytes,
    });
  }
  const sorted = [...rows.values()].sort((a, b) => b.ms - a.ms);
  const modelFlops = sorted.reduce((sum, { flops }) => sum + flops, 0);
  return { shape: shape.name, rows: sorted, peak, stepMs, modelFlops };
}
