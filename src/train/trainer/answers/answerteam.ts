/**
 * Which ranks answer a question, and which units each of them runs. Where every rank of the asking rank's pipeline holds
 * whole layers, these are its stages. Where the plan cuts layers (tensor parallelism, ZeRO-3), the ranks that hold one
 * model together run consecutive whole units, one stage each, of which they get copies at the beginning of a turn. Pure.
 */
import { floatsOf } from '../../../model/layout';
import { recordModel, unitSizes } from '../../../model/model';
import type { Span } from '../../../model/stagedecoder';
import { coordOf, rankOf } from '../../../plan/mesh';
import type { ParallelPlan } from '../../../plan/plan';
import { cutUnits, stageCoord, stageSpans } from '../../../plan/stages';
import type { RunFile } from '../../runfile';

/** Consecutive units and the rank that runs them. */
interface TeamStage extends Span {
  readonly rank: number;
}

export interface Team {
  readonly ranks: readonly number[];
  /** In the order of the model. */
  readonly stages: readonly TeamStage[];
  /** The ranks run copies of whole units instead of their own parameters. */
  readonly isCopied: boolean;
}

/** `ranks`: those that hold one model together, the asking rank `by` among them. */
export function teamOf(model: RunFile['model'], plan: ParallelPlan, ranks: readonly number[], by: number): Team {
  const isCopied = plan.tp > 1 || (plan.zero === 3 && plan.dp > 1);
  const sizes = unitSizes(model, 1);
  if (!isCopied) {
    const { dp } = coordOf(by, plan);
    const stages = stageSpans(plan, sizes).map(({ stage, first, last }) => {
      return { first, last, rank: rankOf({ dp, pp: stageCoord(plan, stage), tp: 0 }, plan) };
    });
    return { ranks, stages, isCopied };
  }
  // why floats: copies fill memory, and their bytes are what a turn waits for
  const units = recordModel(model, 1).map(({ borrowed }, unit) => {
    return { ...sizes[unit]!, cost: sizes[unit]!.paramFloats + (borrowed ? floatsOf(borrowed.global) : 0) };
  });
  const spans = cutUnits(units, Math.min(ranks.length, units.length));
  return { ranks, stages: spans.map(({ first, last }, at) => ({ first, last, rank: ranks[at]! })), isCopied };
}
