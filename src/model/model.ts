/**
 * The whole model as a list of recorded units, and what others need to know of it without a GPU: sizes for the plan,
 * parameters for checkpoints. This file chooses the recording and the splits of the architecture.
 */
import type { ModelConfig } from './config';
import { workOf } from './costs';
import * as gpt from './gpt';
import { gptSplits } from './gpt.split';
import { floatsOf, layoutOf } from './layout';
import * as llama from './llama';
import { llamaSplits } from './llama.split';
import { adapterSplits } from './lora';
import { type Cut, copiedRange, WHOLE } from './split';
import type { Unit } from './unit';

/** What `lower` and the planner know of a unit (UnitSize of plan.ts). */
interface SizedUnit {
  readonly name: string;
  readonly paramFloats: number;
  /** Work of a training step relative to that of a block. */
  readonly cost: number;
  readonly table?: { readonly unit: number; readonly floats: number };
  readonly copied?: readonly number[];
}

const recordings = new WeakMap<ModelConfig, Map<string, readonly Unit[]>>();

/**
 * Embed, blocks and head for microbatches of `batch` sequences. All blocks share one tape. Recordings are cached by
 * config object, `batch` and `cut`: repeated calls return the same units.
 */
export function recordModel(config: ModelConfig, batch: number, cut: Cut = WHOLE): readonly Unit[] {
  const ofConfig = recordings.get(config) ?? new Map<string, readonly Unit[]>();
  recordings.set(config, ofConfig);
  const key = `${batch} ${cut.size} ${cut.rank}`;
  const units = ofConfig.get(key) ?? record(config, batch, cut);
  ofConfig.set(key, units);
  return units;
}

function record(config: ModelConfig, batch: number, cut: Cut): readonly Unit[] {
  const [units, splits] = config.arch === 'gpt2' ? [gpt, gptSplits(config)] : [llama, llamaSplits(config)];
  const own = { ...splits, ...adapterSplits(config) };
  const options = { batch, context: config.context, cut, splits: own, frozen: config.lora !== undefined };
  const block = units.recordBlock(config, options);
  const blocks = Array.from({ length: config.layers }, (_, i) => ({ ...block, name: `block${i}` }));
  return [units.recordEmbed(config, options), ...blocks, units.recordHead(config, options)];
}

/** Sizes of the units of one tensor-parallel rank, for `lower` and the planner. */
export function unitSizes(config: ModelConfig, dp: number, cut: Cut = WHOLE): readonly SizedUnit[] {
  // why of the whole model: all ranks of a tensor-parallel group must cut the model into the same stages
  const costs = recordModel(config, 1).map(workOf);
  return recordModel(config, 1, cut).map((unit, index) => {
    const cost = costs[index]! / costs[1]!;
    const paramFloats = layoutOf(unit.params, dp).floats;
    // why not of a frozen table: it has no gradient that its two ends must add
    const isTied = unit.borrowed && !unit.borrowed.frozen;
    const table = isTied && { unit: 0, floats: floatsOf(unit.borrowed!.shape) };
    const copied = unit.params.flatMap(({ global, split }) => {
      const range = copiedRange(global, split, cut);
      return range ? [range.parts * range.floats] : [];
    });
    return { name: unit.name, paramFloats, cost, ...(table && { table }), ...(copied.length > 0 && { copied }) };
  });
}
