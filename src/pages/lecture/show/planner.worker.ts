/** The planner off the page's thread: simulating every plan takes longer than a frame. One answer to each question. */
import { PlanError } from '../../../errors';
import type { Links } from '../../../plan/links';
import { type Recommendation, recommend, type Workload } from '../../../plan/planner';
import type { Device } from '../../../plan/prediction';

export interface Question {
  readonly id: number;
  readonly workload: Workload;
  readonly devices: readonly Device[];
  readonly links: Links;
}

export type Answer =
  | { readonly id: number; readonly recommendation: Recommendation }
  | { readonly id: number; readonly refused: string };

addEventListener('message', ({ data }: MessageEvent<Question>) => {
  postMessage(answer(data));
});

function answer({ id, workload, devices, links }: Question): Answer {
  try {
    return { id, recommendation: recommend(workload, devices, links) };
  } catch (error) {
    if (!(error instanceof PlanError)) throw error;
    return { id, refused: error.message };
  }
}
