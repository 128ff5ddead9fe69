/** What torch calls the schedules of a pipeline. */
import type { ParallelPlan } from './plan';

/** Classes of torch.distributed.pipelining; a schedule that torch lacks becomes 1F1B, with the same numbers. */
export const TORCH_SCHEDULES: Readonly<Record<ParallelPlan['schedule'], string>> = {
  gpipe: 'ScheduleGPipe',
  '1f1b': 'Schedule1F1B',
  'eager-1f1b': 'Schedule1F1B',
  interleaved: 'ScheduleInterleaved1F1B',
  'zb-h1': 'Schedule1F1B',
  'zb-v': 'ScheduleZBVZeroBubble',
};
