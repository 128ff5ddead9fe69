/**
 * The size of the chosen model, from its recorded tapes. Loaded when a choice is first shown: the page starts without
 * it.
 */
import { programsOf } from '../../plan/simulate';
import { sequencesByReplica, totalOf } from '../../plan/sizes';
import { recordedSizes } from '../../train/rank/modelsizes';
import { type RunChoice, runFileOf } from './runchoice';

export interface Weight {
  readonly parameters: number;
  /** What one tab that trains the model alone allocates. */
  readonly bytes: number;
}

/** `vocabulary` tokens are assumed while the text is not known yet. */
export function weightOf(choice: RunChoice, vocabulary: number): Weight {
  const { model, train, plan } = runFileOf(choice, '');
  const sizes = recordedSizes({ ...model, vocab: vocabulary });
  const units = sizes.units(plan.dp, plan.tp);
  const [alone] = sizes.memory(plan, sequencesByReplica(train.globalBatch, plan), programsOf(plan, units));
  return { parameters: units.reduce((sum, { paramFloats }) => sum + paramFloats, 0), bytes: totalOf(alone!) };
}
