/** The proofs of one generation, one at a time: begun at a step border when a rank has asked, ended at the next. */
import { InputError, isGenerationOver } from '../../../errors';
import { outerAt } from '../../../plan/outer';
import type { RankModel } from '../../rank/rankcontract';
import type { CutState } from '../../state/sync';
import type { Requests } from '../asked/requests';
import type { Prepared } from '../given/prepared';
import type { GenerationSetting } from '../given/setting';
import type { Traffic } from '../given/traffic';
import { Prover } from './prover';

export class Proofs {
  #prover: Prover | null = null;

  constructor(
    private readonly setting: GenerationSetting,
    private readonly requests: Requests,
    private readonly traffic: Traffic,
  ) {}

  /** All ranks call it before the step to compare, with their state; rank `by` has asked. */
  async begin(prepared: Prepared, by: number, read: () => Promise<CutState>, step: number): Promise<void> {
    const { plan, mesh } = this.setting;
    if (plan.outer && !outerAt(plan.outer, step, prepared.run.train.steps).exact) {
      const reason =
        'replicas train apart under plan.outer (DiLoCo), so no step is one that a single tab could compute';
      for (const request of by === mesh.rank ? this.requests.proofs() : []) {
        request.reject(new InputError(reason));
        request.state = 'answered';
      }
      return;
    }
    const prover = new Prover(this.setting, prepared, step, by);
    this.#prover = prover;
    if (by === mesh.rank) for (const request of this.requests.proofs()) request.state ??= 'taken';
    const { state } = await read();
    await this.traffic.uncounted(() => prover.begin(state));
  }

  /**
   * All ranks call it after every step. Only the asking rank makes the comparison and receives its errors; the others
   * train on.
   */
  async end(rank: RankModel): Promise<void> {
    const prover = this.#prover;
    if (!prover) return;
    this.#prover = null;
    const mine = this.requests.proofs().filter(({ state }) => state === 'taken');
    try {
      const gradients = await rank.gradients();
      const proof = await this.traffic.uncounted(() => prover.end(gradients));
      for (const request of proof ? mine : []) request.resolve(proof!);
    } catch (error) {
      if (isGenerationOver(error)) throw error;
      for (const request of mine) request.reject(error);
    }
    for (const request of mine) request.state = 'answered';
  }
}
