/** The answer at a glance: five ways to cut a run beside each other, each as it was measured here or as the simulator expects it. */
import { PlanError } from '../../../errors';
import type { ParallelPlan } from '../../../plan/plan';
import type { MemoryByRole, RunFile } from '../../tab';
import { busiest, type Digest } from './digest';
import { type Picks, planFor, type Scene } from './plans';
import { stateBytes } from './states';

export const FAMILIES = ['dp', 'zero', 'pp', 'tp', 'product'] as const;
export type Family = (typeof FAMILIES)[number];

/** Where the figures of a family come from. */
export const SCENE_OF: Readonly<Record<Family, Scene>> = {
  dp: 'data',
  zero: 'zero',
  pp: 'pipeline',
  tp: 'tensor',
  product: 'cube',
};

/** The plan of a family on so many tabs; undefined where the run has none. */
export function planOf(family: Family, tabs: number, run: RunFile, picks: Picks): ParallelPlan | undefined {
  try {
    const plan = planFor(SCENE_OF[family], tabs, run, { ...picks, zero: 3, overlap: true });
    return plan && plan.dp * plan.pp * plan.tp > 1 ? plan : undefined;
  } catch (error) {
    if (error instanceof PlanError) return undefined;
    throw error;
  }
}

export interface Glance {
  /** Of the fullest tab: parameters, gradients and moments. */
  readonly stateBytes: number;
  /** Of the fullest tab: saved activations and working buffers. */
  readonly activationBytes: number;
  /** Of the tab that sends most in a step. */
  readonly sentBytes: number;
  /** How often the mean tab stands still in a step because a message is not there. */
  readonly stops: number;
  /** Share of communication time under compute. */
  readonly hidden: number;
  readonly bubble: number;
  readonly tokensPerSecond: number;
}

export function glanceOf(digest: Digest): Glance {
  const memory = digest.memory.filter((one): one is MemoryByRole => one !== null);
  const { ranks, segments } = digest.segments;
  const waits = segments.filter(({ doing }) => doing === 'tp' || doing === 'pp' || doing === 'dp');
  return {
    stateBytes: Math.max(0, ...memory.map(stateBytes)),
    activationBytes: Math.max(0, ...memory.map(({ saved, scratch }) => saved + scratch)),
    sentBytes: busiest(digest),
    stops: waits.length / Math.max(1, ranks),
    hidden: digest.overlap,
    bubble: digest.bubble,
    tokensPerSecond: digest.tokensPerSecond,
  };
}
