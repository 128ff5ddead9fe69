/** Times every dispatch by timestamp queries; used by the bench and by pages on request, never in a normal step. */
import { KernelError } from '../errors';
import type { Trace } from '../trace/trace';
import type { GpuDevice } from './device';

/** Dispatches one profile can hold: 4,096 queries is WebGPU's limit of a query set. */
const CAPACITY = 2048;

interface Timed {
  readonly name: string;
  readonly flops: number;
  readonly bytes: number;
}

export class Profiler {
  readonly #timed: Timed[] = [];
  readonly #queries: GPUQuerySet;
  readonly #resolved: GPUBuffer;
  readonly #origin = performance.now();

  constructor(readonly device: GpuDevice) {
    if (!device.raw.features.has('timestamp-query')) {
      throw new KernelError('this device has no timestamp queries, so single kernels cannot be timed');
    }
    this.#queries = device.raw.createQuerySet({ type: 'timestamp', count: CAPACITY * 2 });
    const usage = GPUBufferUsage.QUERY_RESOLVE | GPUBufferUsage.COPY_SRC;
    this.#resolved = device.createBuffer('staging', CAPACITY * 16, usage, 'timestamps');
  }

  /** A pass for this one dispatch that writes its begin and end times. Dispatches beyond the capacity are not timed. */
  begin(encoder: GPUCommandEncoder, dispatch: Timed): GPUComputePassEncoder {
    const at = this.#timed.length * 2;
    if (this.#timed.length === CAPACITY) return encoder.beginComputePass();
    this.#timed.push(dispatch);
    return encoder.beginComputePass({
      timestampWrites: { querySet: this.#queries, beginningOfPassWriteIndex: at, endOfPassWriteIndex: at + 1 },
    });
  }

  /** Encode the copy of all times so far; called at the end of every submit. */
  resolve(encoder: GPUCommandEncoder): void {
    if (this.#timed.length === 0) return;
    encoder.resolveQuerySet(this.#queries, 0, this.#timed.length * 2, this.#resolved, 0);
  }

  /** Read the times and emit them, the first at the time the profile began. Frees the profiler. */
  async emit(trace: Trace): Promise<void> {
    const bytes = this.#timed.length * 16;
    if (bytes > 0) {
      const usage = GPUBufferUsage.MAP_READ | GPUBufferUsage.COPY_DST;
      const staging = this.device.createBuffer('staging', bytes, usage, 'timestamps out');
      const encoder = this.device.raw.createCommandEncoder();
      encoder.copyBufferToBuffer(this.#resolved, 0, staging, 0, bytes);
      this.device.raw.queue.submit([encoder.finish()]);
      await this.device.until(staging.mapAsync(GPUMapMode.READ));
      const ns = new BigUint64Array(staging.getMappedRange());
      const ms = (i: number) => this.#origin + Number(ns[i]! - ns[0]!) / 1e6;
      const { step, rank } = trace;
      this.#timed.forEach(({ name, flops, bytes }, i) => {
        trace.emit({ step, rank, lane: 'gpu', name, t0: ms(2 * i), t1: ms(2 * i + 1), flops, bytes });
      });
      this.device.destroyBuffer(staging);
    }
    this.#queries.destroy();
    this.device.destroyBuffer(this.#resolved);
  }
}
