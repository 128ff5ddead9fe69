/** The open graphics device of a rank. After a loss it is opened again, but not without end. */
import { DeviceLost } from '../errors';
import type { TuneStore } from '../gpu/autotune';
import { type GpuDevice, openDevice } from '../gpu/device';
import type { MakeRank } from '../train/rank/rankcontract';
import { type RankMakerOptions, rankMaker } from '../train/rank/rankmodel';

/** A device that is lost more often than this within the time is not opened again. */
const LOSSES = { most: 3, withinMs: 120_000 };

export class DeviceHolder {
  #device: GpuDevice | undefined;
  #lostAt: number[] = [];

  constructor(
    private readonly gpu: GPU | undefined,
    private readonly tuning: TuneStore | undefined,
  ) {}

  /** Throws CapabilityError where there is none that can take part. */
  async open(): Promise<GpuDevice> {
    this.close();
    this.#device = await openDevice(this.gpu);
    return this.#device;
  }

  /** Open a device in place of the one that was lost. Throws DeviceLost when that has happened too often. */
  async reopen(): Promise<GpuDevice> {
    const now = performance.now();
    this.#lostAt = [...this.#lostAt.filter((at) => at > now - LOSSES.withinMs), now];
    if (this.#lostAt.length > LOSSES.most) {
      const minutes = LOSSES.withinMs / 60_000;
      throw new DeviceLost(
        `the graphics device was lost ${this.#lostAt.length} times within ${minutes} minutes: close other programs that use it, or use a smaller model`,
      );
    }
    return this.open();
  }

  /** Makes ranks on the device that is open then. */
  rankMaker(options: RankMakerOptions): MakeRank {
    return (setting) => {
      if (!this.#device) throw new DeviceLost('no graphics device is open');
      return rankMaker({ device: this.#device }, { ...options, ...(this.tuning && { tuning: this.tuning }) })(setting);
    };
  }

  close(): void {
    this.#device?.close();
    this.#device = undefined;
  }
}
