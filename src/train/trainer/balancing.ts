/** The balancer of a generation. It is loaded after the first step, which needs no byte of it. */
import type { RankModel } from '../rank/rankcontract';
import type { RunFile } from '../runfile';
import type { Balancer } from './balancer';
import type { GenerationSetting } from './setting';
import { type Load, NO_LOAD } from './vote';

export class Balancing {
  readonly #began = performance.now();
  #balancer: Balancer | null = null;
  #hasBegun = false;
  #isClosed = false;

  constructor(private readonly setting: GenerationSetting) {}

  /** This rank's load since the last step. */
  take(): Load {
    return this.#balancer?.take() ?? NO_LOAD;
  }

  /** As Balancer.committed. */
  committed(run: RunFile, rank: RankModel, step: number, ms: number, votes: readonly { readonly load: Load }[]): void {
    const loads = votes.map(({ load }) => load);
    this.#balancer?.committed(run, rank, step, ms, loads);
    if (!this.#hasBegun) void this.#begin(performance.now() - this.#began);
    this.#hasBegun = true;
  }

  close(): void {
    this.#isClosed = true;
    this.#balancer?.close();
  }

  async #begin(changeMs: number): Promise<void> {
    // why no error: a page whose server is gone trains on with the shares that it has
    const loaded = this.setting.balancing && (await import('./balancer').catch(() => null));
    if (loaded && !this.#isClosed) this.#balancer = loaded.balancerOf(this.setting, changeMs);
  }
}
