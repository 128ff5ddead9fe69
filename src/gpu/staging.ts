/**
 * A pool of MAP_READ buffers. A read takes a free buffer and gives it back, so reads may overlap, and in steady state
 * no buffer is created.
 */
import type { GpuDevice } from './device';

/** A lost device is reported within this time after the first failure. */
const LOSS_REPORT_MS = 1_000;

export class StagingPool {
  readonly #free: GPUBuffer[] = [];
  readonly #taken = new Set<GPUBuffer>();

  constructor(readonly device: GpuDevice) {}

  /** The smallest free buffer that holds `bytes` and is not wastefully large; a new one where there is none. */
  take(bytes: number): GPUBuffer {
    let best = -1;
    this.#free.forEach((buffer, i) => {
      const fits = buffer.size >= bytes && buffer.size <= Math.max(4096, bytes * 2);
      if (fits && (best < 0 || buffer.size < this.#free[best]!.size)) best = i;
    });
    const usage = GPUBufferUsage.MAP_READ | GPUBufferUsage.COPY_DST;
    const buffer =
      best >= 0 ? this.#free.splice(best, 1)[0]! : this.device.createBuffer('staging', bytes, usage, 'staging');
    this.#taken.add(buffer);
    return buffer;
  }

  /** Wait until the GPU has filled the first `bytes`. Rejects with DeviceLost when the device is lost. */
  async map(buffer: GPUBuffer, bytes: number): Promise<void> {
    try {
      await this.device.until(buffer.mapAsync(GPUMapMode.READ, 0, bytes));
    } catch (cause) {
      // A map fails because the device is lost or the work before it was refused. Report that instead of "map aborted".
      await Promise.race([this.device.lost, this.device.workDone().catch(() => undefined)]);
      this.device.check();
      // why again: a browser whose graphics process has died may refuse the map before it reports the loss
      await Promise.race([this.device.lost, new Promise((resolve) => setTimeout(resolve, LOSS_REPORT_MS))]);
      this.device.check();
      throw cause;
    }
  }

  giveBack(buffer: GPUBuffer): void {
    buffer.unmap();
    if (this.#taken.delete(buffer)) this.#free.push(buffer);
  }

  close(): void {
    for (const buffer of [...this.#free, ...this.#taken]) this.device.destroyBuffer(buffer);
    this.#free.length = 0;
    this.#taken.clear();
  }
}
