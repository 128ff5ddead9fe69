/**
 * One proof, over two step borders. Before a step, the ranks send the asking rank their parameters; after it, their
 * gradients. The asking rank then computes the same step alone. All ranks take part; training goes on.
 */
import { makeMesh } from '../../../plan/mesh';
import { Trace } from '../../../trace/trace';
import { batchOf, targetsOf } from '../../data/data';
import type { RankModel } from '../../rank/rankcontract';
import { hashOf, stateElements } from '../../state/elements';
import { type RankState, readRuns, type UnitArrays } from '../../state/state';
import {
  type CutState,
  gatherGradients,
  gatherWeights,
  holdingUnder,
  SINGLE,
  stateFromWeights,
} from '../../state/sync';
import type { Circuit } from '../../state/transfer';
import { compareGradients, type Proof } from '../asked/proof';
import { learningRate } from '../given/learningrate';
import type { Prepared } from '../given/prepared';
import type { GenerationSetting } from '../given/setting';

/** SHA-256 of the parameters in `mine`, by address and without padding, hex. */
export async function weightsHash(
  { run }: Prepared,
  { cutting, state }: Pick<CutState, 'cutting' | 'state'>,
): Promise<string> {
  const holding = holdingUnder(run.model, cutting);
  return hashOf(stateElements(state, holding), holding.param.held);
}

export class Prover {
  readonly #circuit: Circuit;
  /** On the rank that asked: all parameters before the step, by address; null on the others. */
  #weights: Float32Array | null = null;

  constructor(
    readonly setting: GenerationSetting,
    readonly prepared: Prepared,
    /** The step that is compared, and the rank that asked for it. */
    readonly step: number,
    readonly by: number,
  ) {
    this.#circuit = setting;
  }

  /** Called before the step with the state this rank holds. */
  async begin(state: RankState): Promise<void> {
    const mine = { step: this.step, cutting: this.#cutting, state };
    const hash = await weightsHash(this.prepared, mine);
    const { generation } = this.setting.mesh;
    this.setting.reporter.tell({ weights: { generation, step: this.step, hash } });
    this.#weights = await gatherWeights(this.#circuit, this.prepared.run.model, mine, [this.by]);
  }

  /** Called after the step with this rank's gradients. Returns the proof on the rank that asked, null on the others. */
  async end(gradients: UnitArrays): Promise<Proof | null> {
    const { samples, run } = this.prepared;
    const { model, train } = run;
    const mine = { step: this.step, cutting: this.#cutting, gradients };
    const ofPlan = await gatherGradients(this.#circuit, model, mine, [this.by]);
    if (!ofPlan) return null;
    const alone = await this.#alone();
    const [targets] = targetsOf(samples, this.step, { ...SINGLE.plan, globalBatch: train.globalBatch });
    return compareGradients(model, this.step, ofPlan, alone, targets!);
  }

  get #cutting() {
    const { plan, mesh } = this.setting;
    return { plan, rank: mesh.rank };
  }

  /** Gradients of the same step, computed by this tab alone from the gathered parameters; by address. */
  async #alone(): Promise<Float32Array> {
    const { run, samples } = this.prepared;
    const { plan, mesh, makeRank } = this.setting;
    const { globalBatch } = run.train;
    // why so many microbatches: each is then as large as under the plan, and so are its activations
    const single = { ...SINGLE.plan, microbatches: plan.dp * plan.microbatches };
    const rank: RankModel = await makeRank({
      ...this.setting,
      run,
      plan: single,
      mesh: makeMesh(mesh.generation, [mesh.peers[mesh.rank]!], 0, single),
      trace: new Trace(),
    });
    try {
      await rank.write(stateFromWeights(run.model, this.#weights!, 0).state);
      await rank.runStep({
        step: this.step,
        lr: learningRate(run.train, this.step),
        targets: targetsOf(samples, this.step, { ...single, globalBatch }),
        microbatches: batchOf(samples, this.step, { ...single, globalBatch, d: 0 }),
        vote: () => [],
      });
      const { moment } = holdingUnder(run.model, SINGLE);
      return readRuns(await rank.gradients(), moment, moment.held);
    } finally {
      rank.close();
    }
  }
}
