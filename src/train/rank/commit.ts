/**
 * NORM, the commit point: the ranks exchange norm, loss and votes, and every rank computes the same results from them.
 * In a local step (DiLoCo), norm and clipping are those of the replica.
 */
import { BadContribution, NonFinite } from '../../errors';
import type { Instance } from '../../model/instance';
import type { AdamParams } from '../../model/update';
import type { Ahead } from './ahead';
import { type Ballot, lossOf, packBallot, readBallots, sumsqOf, suspectsOf } from './ballot';
import { background, type Cluster } from './cluster';
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
   * changes. `ahead`: makes the step on the device first, where it can. `isMade`: STEP has nothing left to do.
   */
  async run(
    input: StepInput,
    isLocal: boolean,
    tag: string,
    ahead: Ahead | undefined,
  ): Promise<{ readonly outcome: StepOutcome; readonly isMade: boolean }> {
    const { ballot, isMade } = await this.#ballot(input, isLocal, ahead);
    const mine = packBallot(ballot);
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
    const clip = this.#clip(own);
    if (isMade && clip !== 1) throw new Error(`step ${input.step} was made on the device and is clipped by ${clip}`);
    if (!isMade) this.instance.update.setAdam(this.#adam(input, clip, own.tokens));
    for (const codings of Object.values(this.cluster.codings)) codings.commit();
    this.outer?.commit(ballots, input.step);
    this.cluster.trace.instant('host', 'loss', { value: loss });
    this.cluster.trace.instant('host', 'gradNorm', { value: gradNorm });
    return { outcome: { loss, gradNorm, votes: ballots.map(({ vote }) => vote) }, isMade };
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

  #clip({ norm }: Norm): number {
    const { gradClip } = this.options;
    return gradClip > 0 ? Math.min(1, gradClip / (norm + 1e-6)) : 1;
  }

  #adam({ step, lr }: StepInput, clip: number, tokens: number): AdamParams {
    const { betas, eps, weightDecay } = this.options;
    const [beta1, beta2] = betas;
    const updates = step + 1 - (this.outer?.since ?? 0);
    const [c1, c2] = [1 - beta1 ** updates, 1 - beta2 ** updates];
    return { lr, beta1, beta2, eps, weightDecay, c1, c2, scale: clip / tokens };
  }

  /** This rank's ballot for the step, and whether the device has made the step. */
  async #ballot(input: StepInput, isLocal: boolean, ahead: Ahead | undefined) {
    const { instance, cluster } = this;
    const tokens = sum(input.targets);
    ahead?.set(this.#adam(input, 1, tokens), tokens);
    instance.update.encodeSumsq();
    ahead?.encodeStep(instance);
    const counted = instance.update.sumsqPlaces(isLocal);
    const hasLoss = instance.placement.isHere(instance.units.length - 1) && cluster.mesh.coord.tp === 0;
    const places = counted.map(({ place }) => place);
    if (hasLoss) places.push(instance.lossPlace);
    const reading = background(instance.stream.readMany(ahead ? [...places, ahead.passed] : places));
    await ahead?.submitForwards(input);
    const read = await reading;
    const sumsq = new Array<number>(instance.units.length).fill(0);
    for (const [i, { unit }] of counted.entries()) sumsq[unit]! += sum(read[i]!);
    const share = isLocal ? this.options.shares[cluster.mesh.coord.dp]! : 0;
    const samples = this.outer?.samplesAfter(share) ?? [];
    const loss = hasLoss ? sum(read[counted.length]!) : 0;
    const isMade = ahead !== undefined && read.at(-1)![0] === 1;
    if (!isMade) ahead?.drop();
    return { ballot: { loss, sumsq, samples, vote: input.vote() } satisfies Ballot, isMade };
  }
}

/** Sum in float64, in order. */
function sum(values: Float32Array | readonly number[]): number {
  let total = 0;
  for (const value of values) total += value;
  return total;
}
