/** The balancer and the chooser of a generation. They are loaded after the first step, which needs no byte of them. */
import type { Group } from '../../../net/collective/group';
import type { RankModel } from '../../rank/rankcontract';
import type { RunFile } from '../../runfile';
import { type Load, NO_LOAD } from '../asked/vote';
import type { GenerationSetting } from '../given/setting';
import type { Traffic } from '../given/traffic';
import type { Balancer } from './balancer';
import type { Chooser } from './chooser';

export class Balancing {
  readonly #began = performance.now();
  #balancer: Balancer | null = null;
  #chooser: Chooser | null = null;
  #hasBegun = false;
  #isClosed = false;

  constructor(
    private readonly setting: GenerationSetting,
    private readonly traffic: Traffic,
  ) {}

  /** Of this rank's vote: its load since the last step, and whether it asks all to look at this step border. */
  take(): { readonly load: Load; readonly looks: boolean } {
    return { load: this.#balancer?.take() ?? NO_LOAD, looks: this.#chooser?.looks ?? false };
  }

  /** As Balancer.committed. */
  committed(run: RunFile, rank: RankModel, step: number, ms: number, votes: readonly { readonly load: Load }[]): void {
    const loads = votes.map(({ load }) => load);
    this.#chooser?.committed(run, step, loads);
    if (this.#chooser?.isSettled !== false) this.#balancer?.committed(run, rank, step, ms, loads);
    if (!this.#hasBegun) void this.#begin(performance.now() - this.#began);
    this.#hasBegun = true;
  }

  /** As Chooser.look. */
  async look(rank: RankModel, world: Group, step: number): Promise<void> {
    await this.traffic.uncounted(async () => this.#chooser?.look(rank, world, step));
  }

  close(): void {
    this.#isClosed = true;
    this.#balancer?.close();
    this.#chooser?.close();
  }

  async #begin(changeMs: number): Promise<void> {
    const { balancing, run, mesh } = this.setting;
    if (!balancing) return;
    const files = [import('./balancer'), run.auto && mesh.peers.length > 1 ? import('./chooser') : null] as const;
    // why no error: a page whose server is gone trains on with the plan that it has
    const loaded = await Promise.all(files).catch(() => null);
    if (!loaded || this.#isClosed) return;
    const [{ balancerOf }, choosing] = loaded;
    // why both at once: a rank that says its load has loaded what a look needs
    this.#balancer = balancerOf(this.setting, changeMs);
    this.#chooser = choosing && new choosing.Chooser(this.setting, balancing, changeMs);
  }
}
