/**
 * The planner in a Worker, because simulating all plans takes longer than a frame. For a question with `inHaste` it
 * first answers from the plans that are cheap to simulate, then from all.
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
  /** Answer twice: first from few plans, then from all. */
  readonly inHaste?: boolean;
}

export type Answer =
  | { readonly id: number; readonly recommendation: Recommendation; readonly isFinal: boolean }
  | { readonly id: number; readonly refused: string };

addEventListener('message', ({ data }: MessageEvent<Question>) => {
  if (data.inHaste) postMessage(answer(data, isCheap));
  postMessage(answer(data));
});

/** Whether a plan is cheap to simulate: one axis, few microbatches, and 1F1B in a pipeline. */
function isCheap({ dp, pp, tp, schedule, microbatches }: ParallelPlan): boolean {
  const isOneAxis = [dp, pp, tp].filter((size) => size > 1).length <= 1;
  return isOneAxis && microbatches <= 2 * pp && (pp === 1 ? microbatches === 1 : schedule === '1f1b');
}

let newest: { readonly about: string; readonly sizes: ModelSizes } | undefined;

/** The sizes of `model`; cached, because most questions are about the same model as the previous one. */
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
