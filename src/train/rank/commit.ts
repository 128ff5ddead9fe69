/**
 * NORM, the commit point: the ranks exchange norm, loss and votes, and every rank computes the same results from them.
 * In a local step (DiLoCo), norm and clipping are those of the replica.
 */
import { BadContribution, NonFinite } from '../../errors';
import type { Instance } from '../../model/instance';
import { type Ballot, lossOf, packBallot, readBallots, sumsqOf, suspectsOf } from './ballot';
import type { Cluster } from './cluster';
import type { OuterSteps } from './outersteps';
import type { StepInput, StepOutcome } from './rankcontract';

export interface OptimizerOptions {
  readonly betas: readonly [number, number];
  readonly eps: number;
  readonly weightDecay: number;
  /** 0 switches clipping off. */
  readonly gradClip: number;
  /** By replica: number of samples of the global batch that it trains on in a step. */
  readonly shares: readonly number[];
}

/** The norm of the mean gradient of a replica or of the cluster, and the number of target tokens of that mean. */
interface Norm {
  readonly norm: number;
  readonly tokens: number;
}

export class Commit {
  constructor(
    readonly instance: Instance,
    readonly cluster: Cluster,
    readonly options: OptimizerOptions,
    readonly outer: OuterSteps | undefined,
  ) {}

  /**
   * Called when all gradients are complete. Rejects with NonFinite or BadContribution on all ranks, before any parameter
   * changes.
   */
  async run(input: StepInput, isLocal: boolean, tag: string): Promise<StepOutcome> {
    const mine = packBallot(await this.#ballot(input, isLocal));
    const said = await this.cluster.world.exchange(mine, tag);
    const ballots = readBallots(said, this.instance.units.length, this.outer?.fragments ?? 0);
    this.#checkContributions(ballots, input);
    const tokens = sum(input.targets);
    const loss = lossOf(ballots) / tokens;
    const { own, gradNorm } = this.#norms(ballots, input.targets, isLocal);
    if (!Number.isFinite(gradNorm) || !Number.isFinite(loss)) {
      throw new NonFinite(
        `step ${input.step} gave loss ${loss} and gradient norm ${gradNorm}, so it was not applied: lower train.lr`,
      );
    }
    this.#setOptimizer(input, own);
    for (const codings of Object.values(this.cluster.codings)) codings.commit();
    this.outer?.commit(ballots, input.step);
    this.cluster.trace.instant('host', 'loss', { value: loss });
    this.cluster.trace.instant('host', 'gradNorm', { value: gradNorm });
    return { loss, gradNorm, votes: ballots.map(({ vote }) => vote) };
  }

  /**
   * Throw BadContribution, on all ranks alike, where some rank's loss cannot be right. A replica of several ranks shows
   * only that one of them is wrong, so there the numbers end the run as before.
   */
  #checkContributions(ballots: readonly Ballot[], { step, targets }: StepInput): void {
    if (ballots.length !== targets.length) return;
    const losses = ballots.map(({ loss }) => loss);
    const ranks = suspectsOf(losses, targets);
    if (ranks.length > 0) throw new BadContribution(step, ranks, losses);
  }

  /**
   * `own`: the norm that this rank clips by. `gradNorm`: the reported norm; in a local step the mean over the replicas,
   * weighted by their tokens.
   */
  #norms(ballots: readonly Ballot[], targets: readonly number[], isLocal: boolean): { own: Norm; gradNorm: number } {
    const tokens = sum(targets);
    if (!isLocal) {
      const norm = Math.sqrt(sumsqOf(ballots)) / tokens;
      return { own: { norm, tokens }, gradNorm: norm };
    }
    const { mesh } = this.cluster;
    const norms = targets.map((part, replica): Norm => {
      const members = ballots.filter((_, rank) => mesh.replicaOf(rank) === replica);
      return { norm: Math.sqrt(sumsqOf(members)) / part, tokens: part };
    });
    const gradNorm = norms.reduce((sum, one) => sum + one.tokens * one.norm, 0) / tokens;
    return { own: norms[mesh.coord.dp]!, gradNorm };
  }

  #setOptimizer({ step, lr }: StepInput, { norm, tokens }: Norm): void {
    const { gradClip, betas, eps, weightDecay } = this.options;
    const clip = gradClip > 0 ? Math.min(1, gradClip / (norm + 1e-6)) : 1;
    const [beta1, beta2] = betas;
    const updates = step + 1 - (this.outer?.since ?? 0);
    const [c1, c2] = [1 - beta1 ** updates, 1 - beta2 ** updates];
    this.instance.update.setAdam({ lr, beta1, beta2, eps, weightDecay, c1, c2, scale: clip / tokens });
  }

  /** This rank's ballot for the step. */
  async #ballot(input: StepInput, isLocal: boolean): Promise<Ballot> {
    const { instance, cluster } = this;
    instance.update.encodeSumsq();
    const counted = instance.update.sumsqPlaces(isLocal);
    const hasLoss = instance.placement.isHere(instance.units.length - 1) && cluster.mesh.coord.tp === 0;
    const places = counted.map(({ place }) => place);
    const read = await instance.stream.readMany(hasLoss ? [...places, instance.lossPlace] : places);
    const sumsq = new Array<number>(instance.units.length).fill(0);
    for (const [i, { unit }] of counted.entries()) sumsq[unit]! += sum(read[i]!);
    const share = isLocal ? this.options.shares[cluster.mesh.coord.dp]! : 0;
    const samples = this.outer?.samplesAfter(share) ?? [];
    return { loss: hasLoss ? sum(read.at(-1)!) : 0, sumsq, samples, vote: input.vote() };
  }
}

/** Sum in float64, in order. */
function sum(values: Float32Array | readonly number[]): number {
  let total = 0;
  for (const value of values) total += value;
  return total;
}
