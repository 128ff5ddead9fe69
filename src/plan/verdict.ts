/** Choices that a measured comparison of two plans corrects: the plan that took longer is not taken again. */
import type { AutoChoice, Measured } from './auto';
import { predict } from './planner';
import type { PlanTrial, Verdict } from './plantrial';
import { nameOf, roundedMs } from './why';

/** `choice` with the plan that was measured to be faster, and its measured step. */
export function goingBack(choice: AutoChoice, verdict: Verdict, { workload, devices, links }: Measured): AutoChoice {
  const { plan, stepMs, slower, slowerMs } = verdict;
  const why = `${nameOf(plan)}: ${roundedMs(stepMs)} ms a step, measured; ${nameOf(slower)} was predicted to be faster and took ${roundedMs(slowerMs)} ms`;
  return { ...choice, exact: { ...predict(plan, workload, devices, links), stepMs }, why };
}

/** `choice`, or where its exact plan has lost a comparison, the choice of the plan that won. */
export function unlessLost(choice: AutoChoice, trial: PlanTrial, measured: Measured): AutoChoice {
  const verdict = trial.lost(choice.exact.plan);
  return verdict ? goingBack(choice, verdict, measured) : choice;
}
