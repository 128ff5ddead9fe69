/** The planner's questions about a model, answered from its recorded tapes. Needs no device; pages and their Workers ask too. */
import type { ModelConfig } from '../../model/config';
import { allReducesOf, flopsOf } from '../../model/costs';
import { recordModel, unitSizes } from '../../model/model';
import type { ModelShape, ModelSizes, UnitFigures } from '../../plan/sizes';
import { memoryOf } from './memoryplan';

/** Sizes do not depend on it. */
const ANY_THETA = 10_000;

/** Everything is recorded when it is first asked for and kept as long as the answer is. */
export function recordedSizes(shape: ModelShape & Partial<ModelConfig>): ModelSizes {
  const config: ModelConfig = { ropeTheta: ANY_THETA, ...shape };
  const known = new Map<string, readonly UnitFigures[]>();
  const units = (dp: number, tp: number): readonly UnitFigures[] => {
    const figures = known.get(`${dp} ${tp}`) ?? figuresOf(config, dp, tp);
    known.set(`${dp} ${tp}`, figures);
    return figures;
  };
  return {
    shape,
    units,
    memory: (plan, sequences, programs) => memoryOf(config, plan, sequences, units(plan.dp, plan.tp), programs),
  };
}

function figuresOf(config: ModelConfig, dp: number, tp: number): readonly UnitFigures[] {
  // why the last rank: parts of a vocabulary that does not divide are ragged, and its part is the largest
  const cut = { size: tp, rank: tp - 1 };
  const sizes = unitSizes(config, dp, cut);
  return recordModel(config, 1, cut).map(({ forward, backwardInput, backwardWeight }, unit) => ({
    ...sizes[unit]!,
    kind: unit === 0 ? 'embed' : unit === sizes.length - 1 ? 'head' : 'block',
    flops: { F: flopsOf(forward), I: flopsOf(backwardInput), W: flopsOf(backwardWeight) },
    allReduces: { F: allReducesOf(forward), I: allReducesOf(backwardInput), W: allReducesOf(backwardWeight) },
  }));
}
