/**
 * The planner off the page's thread: simulating every plan takes longer than a frame. Of a question that asks for a first
 * answer the plans that cost little to simulate are judged first, then all.
 */
import { PlanError } from '../../../errors';
import type { Links } from '../../../plan/links';
import type { ParallelPlan } from '../../../plan/plan';
import { type Recommendation, recommend } from '../../../plan/planner';
import type { Device } from '../../../plan/prediction';
import type { ModelShape, ModelSizes } from '../../../plan/sizes';
import { recordedSizes } from '../../../train/rank/modelsizes';

export interface Question {
  readonly id: number;
  readonly workload: { readonly model: ModelShape; readonly globalBatch: number };
  readonly devices: readonly Device[];
  readonly links: Links;
  /** Answer twice: soon from few plans, then from all. */
  readonly inHaste?: boolean;
}

export type Answer =
  | { readonly id: number; readonly recommendation: Recommendation; readonly isFinal: boolean }
  | { readonly id: number; readonly refused: string };

addEventListener('message', ({ data }: MessageEvent<Question>) => {
  if (data.inHaste) postMessage(answer(data, isCheap));
  postMessage(answer(data));
});

/** One plan for each ZeRO stage and axis, with as few microbatches as fill it. */
function isCheap({ dp, pp, tp, schedule, microbatches }: ParallelPlan): boolean {
  const isOneAxis = [dp, pp, tp].filter((size) => size > 1).length <= 1;
  return isOneAxis && microbatches <= 2 * pp && (pp === 1 ? microbatches === 1 : schedule === '1f1b');
}

let newest: { readonly about: string; readonly sizes: ModelSizes } | undefined;

/** Most questions are about the model of the one before. */
function sizesOf(model: ModelShape): ModelSizes {
  const about = JSON.stringify(model);
  if (newest?.about !== about) newest = { about, sizes: recordedSizes(model) };
  return newest.sizes;
}

function answer({ id, workload, devices, links }: Question, isAsked?: typeof isCheap): Answer {
  try {
    const { model, globalBatch } = workload;
    const recommendation = recommend({ model: sizesOf(model), globalBatch }, devices, links, isAsked);
    return { id, recommendation, isFinal: isAsked === undefined };
  } catch (error) {
    if (!(error instanceof PlanError)) throw error;
    return { id, refused: error.message };
  }
}
