/**
 * The planner in a Worker, because simulating all plans takes longer than a frame. A question with
 * `inHaste` is answered first from the one plan that is simulated soonest, then from a few, then from all. A newer
 * question ends the work on an older one.
 */
import { PlanError } from '../../../errors';
import type { Links } from '../../../plan/links';
import type { ParallelPlan } from '../../../plan/plan';
import { type Recommendation, recommending } from '../../../plan/planner';
import type { Device } from '../../../plan/prediction';
import type { ModelShape, ModelSizes } from '../../../plan/sizes';
import { recordedSizes } from '../../../train/rank/modelsizes';

export interface Question {
  readonly id: number;
  readonly workload: { readonly model: ModelShape; readonly globalBatch: number };
  readonly devices: readonly Device[];
  readonly links: Links;
  /** Also answer from few plans before the answer from all. */
  readonly inHaste?: boolean;
}

export type Answer =
  | { readonly id: number; readonly recommendation: Recommendation; readonly isFinal: boolean }
  | { readonly id: number; readonly refused: string };

/** The plans of each answer; the last one is the planner's. */
const STAGES: readonly (((plan: ParallelPlan) => boolean) | undefined)[] = [isPlain, isCheap, undefined];

/** Between two plans a newer question is looked for after this time. */
const TURN_MS = 30;

let asked = 0;

addEventListener('message', ({ data }: MessageEvent<Question>) => {
  asked = data.id;
  void answer(data);
});

function isPlain({ pp, tp, zero, microbatches }: ParallelPlan): boolean {
  return pp === 1 && tp === 1 && zero === 0 && microbatches === 1;
}

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

async function answer(question: Question): Promise<void> {
  const { id, inHaste = false } = question;
  for (const isAsked of inHaste ? STAGES : STAGES.slice(-1)) {
    const isFinal = isAsked === undefined;
    try {
      const recommendation = await recommended(question, isAsked);
      if (!recommendation) return;
      // why: that nothing fits is known only from all plans
      if (isFinal || recommendation.ranked[0]!.fits) tell({ id, recommendation, isFinal });
    } catch (error) {
      if (!(error instanceof PlanError)) throw error;
      if (isFinal) tell({ id, refused: error.message });
    }
  }
}

const tell = (answer: Answer): void => postMessage(answer);

/** Undefined when a newer question came meanwhile. Throws PlanError when none of these plans can run. */
async function recommended(
  { id, workload, devices, links }: Question,
  isAsked: (typeof STAGES)[number],
): Promise<Recommendation | undefined> {
  const { model, globalBatch } = workload;
  const work = recommending({ model: sizesOf(model), globalBatch }, devices, links, isAsked);
  let sinceMs = performance.now();
  for (;;) {
    const { done, value } = work.next();
    if (done) return value;
    if (performance.now() - sinceMs < TURN_MS) continue;
    // why: a newer question arrives only between tasks
    await new Promise((resolve) => setTimeout(resolve));
    if (id !== asked) return undefined;
    sinceMs = performance.now();
  }
}
