/**
 * The copies of the state that a rank keeps in host memory during one generation. If parts of the model are on one rank
 * only, ranks keep copies for each other (mirrors), which are renewed at step borders, when their interval is over on
 * all ranks or when a rank leaves. Else each rank copies its own state at times of its own, for the case that its
 * device is lost.
 */
import type { ModelConfig } from '../../../model/config';
import { isWholeOnAll } from '../../../plan/plan';
import { MOST_COPIED_BYTES, mirror } from '../../state/mirror';
import type { CutState } from '../../state/sync';
import type { GenerationSetting } from '../given/setting';
import type { Traffic } from '../given/traffic';
import { SpareCopy } from './sparecopy';

/** The next mirror waits at least this many times the duration of the last one: at most two percent of the time. */
const MIRROR_REST = 50;

export class Mirrors {
  /** True if the ranks of this generation keep copies for each other. */
  readonly isOn: boolean;
  /** True if this rank keeps a copy of its own state only. */
  #isAlone: boolean;
  /** By rank: its machine, undefined for one of its own. */
  machines: readonly (string | undefined)[] = [];
  /** The newest mirror or copy, until the next committed step: then all ranks have their mirrors. */
  fresh: readonly CutState[] = [];
  #dueMs = Number.NEGATIVE_INFINITY;
  readonly #spare: SpareCopy;

  constructor(
    private readonly setting: GenerationSetting,
    private readonly traffic: Traffic,
  ) {
    const { plan, mesh, mirrorEveryMs } = setting;
    // why no mirrors if replicas train apart: others have the outer parameters and cannot use a replica's own state
    const isCopied = isWholeOnAll(plan) || (plan.outer !== undefined && plan.dp > 1);
    this.isOn = mirrorEveryMs !== undefined && !isCopied && mesh.peers.length > 1;
    const isApart = plan.outer !== undefined && plan.dp > 1;
    this.#spare = new SpareCopy(setting);
    this.#isAlone = mirrorEveryMs !== undefined && !this.isOn && !isApart;
  }

  /** Whether this rank keeps copies of either kind: it then holds an older state until it has a newer one. */
  get areKept(): boolean {
    return this.isOn || this.#isAlone;
  }

  isDue(nowMs: number): boolean {
    return nowMs >= this.#dueMs;
  }

  /** Exchange copies of what `read` returns. All ranks call it at the same step border. */
  async renew(model: ModelConfig, read: () => Promise<CutState>): Promise<void> {
    const t0 = performance.now();
    const mine = await read();
    this.fresh = await this.traffic.uncounted(() => mirror(this.setting, model, mine, this.machines));
    this.#rest(t0, this.setting.mirrorEveryMs!);
  }

  /**
   * Copy what `read` returns, of `sizeBytes`, if this rank keeps copies of its own state and one is due. Rank 0 offers it to
   * the reserve, too.
   */
  async copy(model: ModelConfig, sizeBytes: number, read: () => Promise<CutState>): Promise<void> {
    const t0 = performance.now();
    if (sizeBytes > MOST_COPIED_BYTES) this.#isAlone = false;
    if (!this.#isAlone || !this.isDue(t0)) return;
    const copy = await read();
    this.fresh = [copy];
    if (this.setting.mesh.rank === 0) this.#spare.offer(copy, model.vocab, this.machines);
    // why half: the copy then gets no older than the interval, the time of a step included
    this.#rest(t0, this.setting.mirrorEveryMs! / 2);
  }

  close(): void {
    this.#spare.close();
  }

  #rest(beganMs: number, everyMs: number): void {
    const now = performance.now();
    this.#dueMs = now + Math.max(everyMs, MIRROR_REST * (now - beganMs));
  }
}
