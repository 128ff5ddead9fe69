/** The open graphics device of a rank. After a loss it is opened again, but not without end. */
import { DeviceLost, PlanError } from '../errors';
import type { TuneStore } from '../gpu/autotune';
import { type GpuDevice, openDevice } from '../gpu/device';
import type { MakeRank } from '../train/rank/rankcontract';
import { type RankMakerOptions, rankMaker } from '../train/rank/rankmodel';

/** A device that is lost more often than this within the time is not opened again. */
const LOSSES = { most: 3, withinMs: 120_000 };

/** A device that was lost is asked for so often. */
const REOPENS = { most: 5, pauseMs: 500 };
/** A browser says within this time that the device of a failed command is gone. */
const LOSS_KNOWN_MS = 300;

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
    for (let attempt = 1; ; attempt++) {
      try {
        return await this.open();
      } catch (error) {
        // why: while the browser starts its graphics process again, it has no adapter, or one whose device it refuses
        if (attempt === REOPENS.most) throw error;
        await new Promise((resolve) => setTimeout(resolve, REOPENS.pauseMs));
      }
    }
  }

  /** Makes ranks on the device that is open then. Rejects with DeviceLost where a loss is the reason of a failure. */
  rankMaker(options: RankMakerOptions): MakeRank {
    return async (setting) => {
      const device = this.#device;
      if (!device) throw new DeviceLost('no graphics device is open');
      try {
        return await rankMaker({ device }, { ...options, ...(this.tuning && { tuning: this.tuning }) })(setting);
      } catch (error) {
        // the plan does not fit, and no command was given
        if (error instanceof PlanError) throw error;
        // why: compiling fails first, and the browser says a moment later that the device is gone
        throw await Promise.race([device.lost, new Promise((resolve) => setTimeout(resolve, LOSS_KNOWN_MS, error))]);
      }
    };
  }

  close(): void {
    this.#device?.close();
    this.#device = undefined;
  }
}
