/**
 * The lines that a headless run prints before it starts: the plan's name, the model's size, and the bytes that each
 * rank will allocate.
 */
import { totalOf } from '../plan/sizes';
import { nameOf } from '../plan/why';
import { memoryPlan } from '../train/rank/memoryplan';
import type { RunFile } from '../train/runfile';

/**
 * One line for the plan, then one for every place in the mesh that needs a different number of bytes than those before.
 */
export function planLines(run: RunFile): string[] {
  const { plan } = run;
  const ranks = plan.dp * plan.pp * plan.tp;
  const byBytes = new Map<string, number[]>();
  memoryPlan(run).forEach((bytes, rank) => {
    const roles = Object.entries(bytes).map(([role, part]) => `${role} ${part}`);
    const text = `${roles.join(', ')}: ${totalOf(bytes)} bytes`;
    byBytes.set(text, [...(byBytes.get(text) ?? []), rank]);
  });
  const lines = [...byBytes].map(([text, same]) => {
    return `memory of ${same.length === 1 ? `rank ${same[0]}` : `ranks ${same.join(' ')}`}: ${text}`;
  });
  return [`plan: ${nameOf(plan)}, ${ranks} ${ranks === 1 ? 'rank' : 'ranks'}`, ...lines];
}
