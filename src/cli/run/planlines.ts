/**
 * The lines that a headless run prints: before it starts the plan's name and the bytes that each rank will allocate,
 * after it the memory that each rank's process took.
 */

import type { AutoMode } from '../../plan/pilot';
import { type PlannedMemory, totalOf } from '../../plan/sizes';
import { nameOf } from '../../plan/why';
import { hostPlan } from '../../train/rank/hostplan';
import { memoryPlan } from '../../train/rank/memoryplan';
import type { RunFile } from '../../train/runfile';

export interface RankMemory {
  readonly planned: PlannedMemory;
  readonly plannedHostBytes: number;
  /** Most memory of the rank's process; absent if it is not known. */
  readonly peakRssBytes?: number;
}

/**
 * One line for the plan and one for the links, then one for every place in the mesh that needs a different number of bytes than those before.
 */
export function planLines(run: RunFile, auto: AutoMode | null = null): string[] {
  const { plan } = run;
  const ranks = plan.dp * plan.pp * plan.tp;
  const byBytes = new Map<string, number[]>();
  const host = hostPlan(run);
  memoryPlan(run).forEach((bytes, rank) => {
    const roles = Object.entries(bytes).map(([role, part]) => `${role} ${part}`);
    const text = `${roles.join(', ')}: ${totalOf(bytes)} bytes; at most ${host[rank]} bytes of copies on the host`;
    byBytes.set(text, [...(byBytes.get(text) ?? []), rank]);
  });
  const lines = [...byBytes].map(([text, same]) => {
    return `memory of ${same.length === 1 ? `rank ${same[0]}` : `ranks ${same.join(' ')}`}: ${text}`;
  });
  const name = auto ? `auto, ${nameOf(plan)} until it has measured` : nameOf(plan);
  const links = run.links === 'near' ? 'ports inside a browser, WebRTC to others' : 'WebRTC';
  return [
    `plan: ${name}, ${ranks} ${ranks === 1 ? 'rank' : 'ranks'}`,
    ...(ranks > 1 ? [`links: ${links}`] : []),
    ...lines,
  ];
}

/** One line per rank whose peak memory is known, beside what was planned; megabytes. */
export function peakLines(ranks: readonly RankMemory[]): string[] {
  const mb = (bytes: number) => Math.round(bytes / 1e6);
  return ranks.flatMap(({ peakRssBytes, planned, plannedHostBytes }, rank) => {
    if (peakRssBytes === undefined) return [];
    const all = mb(totalOf(planned) + plannedHostBytes);
    return [`peak memory of rank ${rank}: ${mb(peakRssBytes)} MB, planned ${all} MB`];
  });
}
