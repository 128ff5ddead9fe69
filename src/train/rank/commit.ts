/** NORM, the commit point: the ranks exchange norm, loss and votes, and every rank forms the same numbers of them. */
import { NonFinite } from '../../errors';
import type { Instance } from '../../model/instance';
import { type Ballot, countVotes, packBallot } from './ballot';
import type { Cluster } from './cluster';
import type { StepInput, StepOutcome } from './rankcontract';

export interface OptimizerOptions {
  readonly betas: readonly [number, number];
  readonly eps: number;
  readonly weightDecay: number;
  /** 0 switches clipping off. */
  readonly gradClip: number;
}

export class Commit {
  constructor(
    readonly instance: Instance,
    readonly cluster: Cluster,
    readonly options: OptimizerOptions,
  ) {}

  /** Once all gradients are complete. Rejects with NonFinite on all ranks alike; nothing before it touches a parameter. */
  async run(input: StepInput, tag: string): Promise<StepOutcome> {
    const ballots = await this.cluster.world.exchange(packBallot(await this.#ballot(input)), tag);
    const { sumsq, loss: lossSum, votes } = countVotes(ballots, this.instance.units.length);
    const gradNorm = Math.sqrt(sumsq) / input.tokens;
    const loss = lossSum / input.tokens;
    if (!Number.isFinite(gradNorm) || !Number.isFinite(loss)) {
      throw new NonFinite(
        `step ${input.step} gave loss ${loss} and gradient norm ${gradNorm}, so it was not applied: lower train.lr`,
      );
    }
    this.#setOptimizer(input, gradNorm);
    this.cluster.trace.instant('host', 'loss', { value: loss });
    this.cluster.trace.instant('host', 'gradNorm', { value: gradNorm });
    return { loss, gradNorm, votes };
  }

  #setOptimizer({ step, lr, tokens }: StepInput, gradNorm: number): void {
    const { gradClip, betas, eps, weightDecay } = this.options;
    const clip = gradClip > 0 ? Math.min(1, gradClip / (gradNorm + 1e-6)) : 1;
    const [beta1, beta2] = betas;
    const [c1, c2] = [1 - beta1 ** (step + 1), 1 - beta2 ** (step + 1)];
    this.instance.setAdam({ lr, beta1, beta2, eps, weightDecay, c1, c2, scale: clip / tokens });
  }

  /** What this rank knows of the step. */
  async #ballot(input: StepInput): Promise<Ballot> {
    const { instance, cluster } = this;
    instance.encodeSumsq();
    const counted = instance.sumsqPlaces;
    const hasLoss = instance.placement.isHere(instance.units.length - 1) && cluster.mesh.coord.tp === 0;
    const places = counted.map(({ place }) => place);
    const read = await instance.stream.readMany(hasLoss ? [...places, instance.lossPlace] : places);
    const sumsq = new Array<number>(instance.units.length).fill(0);
    for (const [i, { unit }] of counted.entries()) sumsq[unit]! += sum(read[i]!);
    return { loss: hasLoss ? sum(read.at(-1)!) : 0, sumsq, vote: input.vote() };
  }
}

/** In float64, in order. */
function sum(values: Float32Array): number {
  let total = 0;
  for (const value of values) total += value;
  return total;
}
