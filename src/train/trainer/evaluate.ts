/**
 * The held-out loss. Windows are shared over dp; their losses are exchanged and added in window order, so every plan
 * gives the same number.
 */
import { ProtocolError } from '../../errors';
import type { Group } from '../../net/collective/group';
import type { Tag } from '../../net/wire/transport';
import { coordOf, type Mesh } from '../../plan/mesh';
import { isTogetherAfter } from '../../plan/outer';
import type { ParallelPlan } from '../../plan/plan';
import { replicaShares } from '../../plan/shares';
import { sequencesByReplica } from '../../plan/sizes';
import { gatherSamples, proportionalShares, type Samples, targetsIn } from '../data/data';
import type { RankModel } from '../rank/rankcontract';
import type { TrainConfig } from '../runfile';

/**
 * True if the held-out loss is due after `step` committed steps: every `evalEvery` steps and after the last one. If
 * replicas train apart, it is the loss of the outer parameters, and a due evaluation waits for the next outer step of
 * the whole model.
 */
function isEvaluated({ evalEvery, steps }: TrainConfig, plan: ParallelPlan, step: number): boolean {
  if (evalEvery === 0 || !isTogetherAfter(plan, step, steps)) return false;
  let first = step;
  while (first > 1 && !isTogetherAfter(plan, first - 1, steps)) first--;
  return step === steps || Math.floor(step / evalEvery) * evalEvery >= first;
}

interface Evaluation {
  readonly plan: ParallelPlan;
  readonly mesh: Mesh;
  readonly world: Group;
}

/** Whether `dueHeldOutLoss` computes one after `step` committed steps. */
export function isHeldOutDue({ heldOut }: Samples, train: TrainConfig, plan: ParallelPlan, step: number): boolean {
  return heldOut.length > 0 && isEvaluated(train, plan, step);
}

/** The held-out loss after `step` committed steps, undefined if none is due. All ranks of `world` call it. */
export async function dueHeldOutLoss(
  rank: RankModel,
  samples: Samples,
  train: TrainConfig,
  step: number,
  evaluation: Evaluation,
): Promise<number | undefined> {
  const { plan, mesh } = evaluation;
  if (!isHeldOutDue(samples, train, plan, step)) return undefined;
  return heldOutLoss(rank, samples, train.globalBatch, evaluation, `${mesh.generation}/${step}/heldout`);
}

/**
 * Mean loss over the target tokens of the held-out windows, in nats. All ranks of `world` call it with the same samples. In each
 * pipeline, the rank with the head and tp coordinate 0 sends the losses of its replica.
 */
export async function heldOutLoss(
  rank: RankModel,
  samples: Samples,
  globalBatch: number,
  { plan, mesh, world }: Evaluation,
  tag: Tag,
): Promise<number> {
  const { heldOut, context } = samples;
  const shares = proportionalShares(heldOut.length, replicaShares(globalBatch, plan));
  const rowsBy = sequencesByReplica(globalBatch, plan);
  const [mine, rows] = [shares[mesh.coord.dp]!, rowsBy[mesh.coord.dp]!];
  const sums = new Float64Array(mine.count);
  let speaks = false;
  // why: with zero 3 the forward gathers parameters over dp, so all ranks run as many as the one that needs most
  const passes = Math.max(...shares.map(({ count }, d) => Math.ceil(count / rowsBy[d]!)));
  for (let at = 0; at < passes * rows; at += rows) {
    const [from, to] = [Math.min(at, mine.count), Math.min(at + rows, mine.count)];
    const starts = heldOut.slice(mine.first + from, mine.first + to);
    const losses = await rank.losses(gatherSamples(samples, starts, rows));
    speaks = losses !== null && mesh.coord.tp === 0;
    if (!losses) continue;
    for (let row = 0; row < starts.length; row++) sums[at + row] = sum(losses, row * context, (row + 1) * context);
  }
  const all = await world.exchange(speaks ? new Uint8Array(sums.buffer) : new Uint8Array(), tag);
  let total = 0;
  for (const [d, { count }] of shares.entries()) {
    const said = all.filter((bytes, from) => bytes.byteLength > 0 && coordOf(from, plan).dp === d);
    const [bytes = new Uint8Array()] = said;
    if (said.length > 1 || bytes.byteLength !== 8 * count) {
      throw new ProtocolError(`${bytes.byteLength} bytes of held-out losses came from replica ${d}, not ${8 * count}`);
    }
    for (const loss of new Float64Array(bytes.slice().buffer)) total += loss;
  }
  return total / targetsIn(samples, heldOut);
}

function sum(values: Float32Array, from: number, to: number): number {
  let total = 0;
  for (let i = from; i < to; i++) total += values[i]!;
  return total;
}
