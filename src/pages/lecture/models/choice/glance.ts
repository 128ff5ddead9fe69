/** The summary: five ways to cut a run side by side, with figures measured here or expected by the simulator. */
import { PlanError } from '../../../../errors';
import type { ParallelPlan } from '../../../../plan/plan';
import type { MemoryByRole, RunFile } from '../../../tab';
import { stateBytes } from '../cut/states';
import { busiest, type Digest } from '../digest';
import { type Picks, planFor, type Scene } from './plans';

export const FAMILIES = ['dp', 'zero', 'pp', 'tp', 'product'] as const;
export type Family = (typeof FAMILIES)[number];

/** The scene that the figures of a family come from. */
export const SCENE_OF: Readonly<Record<Family, Scene>> = {
  dp: 'data',
  zero: 'zero',
  pp: 'pipeline',
  tp: 'tensor',
  product: 'cube',
};

/** The plan of a family on `tabs` tabs; undefined where none fits the run. */
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
  /** Parameters, gradients and moments of the fullest tab. */
  readonly stateBytes: number;
  /** Saved activations and working buffers of the fullest tab. */
  readonly activationBytes: number;
  /** Bytes per step of the tab that sends most. */
  readonly sentBytes: number;
  /** Number of times per step that a tab waits for a message, mean over the tabs. */
  readonly stops: number;
  /** Share of communication time hidden under compute (overlap). */
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
