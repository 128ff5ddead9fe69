/**
 * The mirrors of one generation: copies that ranks keep for each other if parts of the model are on one rank only. They
 * are renewed at step borders, when their interval is over on all ranks or when a rank leaves.
 */
import type { ModelConfig } from '../../model/config';
import { isWholeOnAll } from '../../plan/plan';
import { mirror } from '../state/mirror';
import type { CutState } from '../state/sync';
import type { GenerationSetting } from './setting';
import type { Traffic } from './traffic';

/** The next mirror waits at least this many times the duration of the last one: at most two percent of the time. */
const MIRROR_REST = 50;

export class Mirrors {
  /** True if the ranks of this generation keep copies for each other. */
  readonly isOn: boolean;
  /** The newest mirror, until a step shows that all ranks have theirs. */
  fresh: readonly CutState[] = [];
  #dueMs = Number.NEGATIVE_INFINITY;

  constructor(
    private readonly setting: GenerationSetting,
    private readonly traffic: Traffic,
  ) {
    const { plan, mesh, mirrorEveryMs } = setting;
    // why no mirrors if replicas train apart: others have the outer parameters and cannot use a replica's own state
    const isCopied = isWholeOnAll(plan) || (plan.outer !== undefined && plan.dp > 1);
    this.isOn = mirrorEveryMs !== undefined && !isCopied && mesh.peers.length > 1;
  }

  isDue(nowMs: number): boolean {
    return nowMs >= this.#dueMs;
  }

  /** Exchange copies of what `read` returns. All ranks call it at the same step border. */
  async renew(model: ModelConfig, read: () => Promise<CutState>): Promise<void> {
    const t0 = performance.now();
    const mine = await read();
    this.fresh = await this.traffic.uncounted(() => mirror(this.setting, model, mine));
    const t1 = performance.now();
    this.#dueMs = t1 + Math.max(this.setting.mirrorEveryMs!, MIRROR_REST * (t1 - t0));
  }
}
