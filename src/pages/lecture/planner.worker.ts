/** The planner off the page's thread: simulating every plan takes longer than a frame. One answer to each question. */
import { PlanError } from '../../errors';
import type { Links } from '../../plan/links';
import { type Recommendation, recommend } from '../../plan/planner';
import type { Device } from '../../plan/prediction';
import type { ModelShape, ModelSizes } from '../../plan/sizes';
import { recordedSizes } from '../../train/rank/modelsizes';

export interface Question {
  readonly id: number;
  readonly workload: { readonly model: ModelShape; readonly globalBatch: number };
  readonly devices: readonly Device[];
  readonly links: Links;
}

export type Answer =
  | { readonly id: number; readonly recommendation: Recommendation }
  | { readonly id: number; readonly refused: string };

addEventListener('message', ({ data }: MessageEvent<Question>) => {
  postMessage(answer(data));
});

let newest: { readonly about: string; readonly sizes: ModelSizes } | undefined;

/** Most questions are about the model of the one before. */
function sizesOf(model: ModelShape): ModelSizes {
  const about = JSON.stringify(model);
  if (newest?.about !== about) newest = { about, sizes: recordedSizes(model) };
  return newest.sizes;
}

function answer({ id, workload, devices, links }: Question): Answer {
  try {
    const { model, globalBatch } = workload;
    return { id, recommendation: recommend({ model: sizesOf(model), globalBatch }, devices, links) };
  } catch (error) {
    if (!(error instanceof PlanError)) throw error;
    return { id, refused: error.message };
  }
}
