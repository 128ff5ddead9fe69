/** Learning rate of a step: linear warm-up, then constant or cosine. Plain arithmetic in float64. */
import type { TrainConfig } from '../../runfile';

type Rates = Pick<TrainConfig, 'steps' | 'lr' | 'schedule' | 'warmupSteps' | 'minLr'>;

/** Rate of step `step` (from 0): lr * (step + 1) / warmupSteps, then either lr or a cosine from lr to minLr. */
export function learningRate({ steps, lr, schedule, warmupSteps, minLr }: Rates, step: number): number {
  if (step < warmupSteps) return (lr * (step + 1)) / warmupSteps;
  if (schedule === 'constant') return lr;
  const progress = Math.min(1, (step - warmupSteps) / Math.max(1, steps - warmupSteps));
  return minLr + ((lr - minLr) * (1 + Math.cos(Math.PI * progress))) / 2;
}
