/**
 * Allocates on a device what the ranks of a run plan, one rank at a time, and frees it again; it computes nothing. The
 * check `npm run plan -- --check` compares the memory plan with these allocations.
 */
import { KernelError } from '../../errors';
import { type GpuDevice, openDevice } from '../../gpu/device';
import { Buffers } from '../../model/buffers';
import { unitSizes } from '../../model/model';
import { type InstanceOptions, placeInstance } from '../../model/placed';
import { programsOf } from '../../plan/simulate';
import { type PlannedMemory, sequencesByReplica } from '../../plan/sizes';
import type { RunFile } from '../runfile';
import { instanceOptions } from './instanceoptions';
import { byRank } from './memoryplan';
import { residencyOf } from './residency';

export class Allocator {
  private constructor(private readonly device: GpuDevice) {}

  /** Rejects with CapabilityError if `gpu` has no suitable device. */
  static async open(gpu: GPU): Promise<Allocator> {
    return new Allocator(await openDevice(gpu));
  }

  get adapter(): string {
    return this.device.report.adapter;
  }

  /**
   * Allocated bytes, by rank. Rejects with PlanError for a buffer that the device does not bind, KernelError if the
   * device has no memory left.
   */
  async allocate({ model, train, plan }: RunFile): Promise<readonly PlannedMemory[]> {
    const units = unitSizes(model, plan.dp);
    const rows = sequencesByReplica(train.globalBatch, plan);
    const residencies = programsOf(plan, units).map((program) => residencyOf(program, plan, units));
    const allocated: PlannedMemory[] = [];
    const ranks = byRank(plan, (coord) =>
      instanceOptions({ model, plan, coord, rows: rows[coord.dp]!, residency: residencies[coord.pp]! }),
    );
    for (const options of ranks) allocated.push(await this.#allocateRank(options));
    return allocated;
  }

  async #allocateRank(options: InstanceOptions): Promise<PlannedMemory> {
    const { placement } = placeInstance(options, this.device.report.maxBufferBytes);
    this.device.raw.pushErrorScope('out-of-memory');
    const buffers = new Buffers(this.device, placement.plan);
    const { staging: _, ...allocated } = buffers.bytes();
    const outOfMemory = this.device.raw.popErrorScope();
    buffers.close();
    // why: Dawn frees a destroyed buffer only when later work has ended
    const { queue } = this.device.raw;
    queue.submit([this.device.raw.createCommandEncoder().finish()]);
    await this.device.workDone();
    const error = await this.device.until(outOfMemory);
    if (error) throw new KernelError(`the device has no memory for this rank: ${error.message}`);
    this.device.check();
    return allocated;
  }

  close(): void {
    this.device.close();
  }
}
