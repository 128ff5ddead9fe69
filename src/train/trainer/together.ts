/** Outer steps (DiLoCo) between two steps of a run, beside those that the programs of steps contain. */
import { everyFragment, missingAt } from '../../plan/outer';
import type { ParallelPlan } from '../../plan/plan';
import type { RankModel } from '../rank/rankcontract';

/**
 * At the beginning of a generation, after `step` of `steps` committed steps: make the outer step that was due when the
 * former generation lost a rank, with the replicas that are here. All ranks call it. Rejects with PeerLost.
 */
export async function catchUp(rank: RankModel, { outer }: ParallelPlan, step: number, steps: number): Promise<void> {
  const facts = outer && (await rank.outerFacts());
  const missing = facts ? missingAt(outer, step, facts.made, steps) : [];
  if (missing.length === 0) return;
  await rank.bringTogether(step, missing);
  await rank.written();
}

/**
 * At the end of a generation before the run's last step: make an outer step of everything, because the next generation
 * may have another plan, and the work of a rank that leaves must count for all. All ranks call it. Rejects with PeerLost.
 */
export async function bringTogether(rank: RankModel, { outer }: ParallelPlan, step: number): Promise<void> {
  if (outer) await rank.bringTogether(step, everyFragment(outer).uses);
}
