/** Answers the planner's questions about a model from its recorded tapes. Needs no device; pages and Workers use it. */
import type { ModelConfig } from '../../model/config';
import { allReducesOf, flopsOf } from '../../model/costs';
import { recordModel, unitSizes } from '../../model/model';
import type { ModelShape, ModelSizes, UnitFigures } from '../../plan/sizes';
import { memoryOf } from './memoryplan';

/** Any value: sizes do not depend on it. */
const ANY_THETA = 10_000;

/** Tapes are recorded when figures are first needed. The figures are cached as long as the result exists. */
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
  // why the last rank: if tp does not divide the vocabulary, its parts differ in size, and the last is the largest
  const cut = { size: tp, rank: tp - 1 };
  const sizes = unitSizes(config, dp, cut);
  return recordModel(config, 1, cut).map(({ forward, backwardInput, backwardWeight }, unit) => ({
    ...sizes[unit]!,
    kind: unit === 0 ? 'embed' : unit === sizes.length - 1 ? 'head' : 'block',
    flops: { F: flopsOf(forward), I: flopsOf(backwardInput), W: flopsOf(backwardWeight) },
    allReduces: { F: allReducesOf(forward), I: allReducesOf(backwardInput), W: allReducesOf(backwardWeight) },
  }));
}
