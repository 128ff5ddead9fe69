/** The units of a run as the planner counts them, and the stage of a plan that each belongs to. */
import type { ParallelPlan } from '../../../plan/plan';
import { type ModelShape, type ModelSizes, sequencesOf, type UnitFigures } from '../../../plan/sizes';
import { stageSpans } from '../../../plan/stages';
import { recordedSizes } from '../../../train/rank/modelsizes';
import { BUILT_IN, vocabularyOf } from '../../state/texts';
import type { RunFile } from '../../tab';

/** The model's shape; replaces model.vocab 0 (the tokenizer's size) where the page knows the text. */
export function shapeOf({ model, data }: RunFile): ModelShape {
  if (model.vocab > 0) return model;
  const facts = data.source === 'moby-dick' || data.source === 'names' ? BUILT_IN[data.source] : undefined;
  return {
    ...model,
    vocab: vocabularyOf({ tokenizer: data.tokenizer === 'char' ? 'char' : 'byte', vocab: model.vocab }, facts),
  };
}

const known = new WeakMap<RunFile, ModelSizes>();

/** The sizes of a run's model as the planner needs them; recorded once per run. */
export function sizesOf(run: RunFile): ModelSizes {
  const sizes = known.get(run) ?? recordedSizes(shapeOf(run));
  known.set(run, sizes);
  return sizes;
}

export function unitsOf(run: RunFile, { dp, tp }: Pick<ParallelPlan, 'dp' | 'tp'>): readonly UnitFigures[] {
  return sizesOf(run).units(dp, tp);
}

/** Number of parameters of the whole model, without padding. */
export function parameterCount(run: RunFile): number {
  return unitsOf(run, { dp: 1, tp: 1 }).reduce((sum, { paramFloats }) => sum + paramFloats, 0);
}

/** The stage of each unit, indexed by unit. */
export function stageOfUnit(units: readonly UnitFigures[], plan: ParallelPlan): readonly number[] {
  const spans = stageSpans(plan, units);
  return units.map((_, unit) => spans.find(({ last }) => unit <= last)!.stage);
}

/** Samples in the largest microbatch. */
export function microbatchSamples(run: RunFile, plan: ParallelPlan): number {
  return sequencesOf(run.train.globalBatch, plan);
}

export const tokensPerStep = (run: RunFile): number => run.train.globalBatch * run.model.context;
