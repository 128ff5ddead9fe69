/**
 * The whole model as a list of recorded units, and what others need to know of it without a GPU: sizes for the plan,
 * parameters for checkpoints. Which architecture is meant is decided here and nowhere else.
 */
import type { ModelConfig } from './config';
import * as gpt from './gpt';
import { gptSplits } from './gpt.split';
import { floatsOf, layoutOf } from './layout';
import * as llama from './llama';
import { llamaSplits } from './llama.split';
import { type Cut, WHOLE } from './split';
import type { Unit } from './unit';

/** What `lower` and the planner know of a unit (UnitSize of plan.ts). */
export interface SizedUnit {
  readonly name: string;
  readonly paramFloats: number;
  readonly cost: number;
  readonly table?: { readonly unit: number; readonly floats: number };
}

/** Record embed, blocks and head for microbatches of `batch` sequences. All blocks share one tape. */
export function recordModel(config: ModelConfig, batch: number, cut: Cut = WHOLE): readonly Unit[] {
  const [units, splits] = config.arch === 'gpt2' ? [gpt, gptSplits(config)] : [llama, llamaSplits(config)];
  const options = { batch, context: config.context, cut, splits };
  const block = units.recordBlock(config, options);
  const blocks = Array.from({ length: config.layers }, (_, i) => ({ ...block, name: `block${i}` }));
  return [units.recordEmbed(config, options), ...blocks, units.recordHead(config, options)];
}

/** Sizes of the units of one tensor-parallel rank, for `lower` and the planner. */
export function unitSizes(config: ModelConfig, dp: number, cut: Cut = WHOLE): readonly SizedUnit[] {
  const { dim: C, hidden, vocab, context: T } = config;
  const KV = (C / config.heads) * config.kvHeads;
  const mlp = config.arch === 'gpt2' ? 2 : 3;
  // floating point operations per token, forward: 2 per weight, and the causal half of scores and mix
  const block = 2 * (2 * C * C + 2 * C * KV + mlp * C * hidden) + 2 * C * T;
  const units = recordModel(config, 1, cut);
  return units.map((unit, index) => {
    const first = index === 0;
    const cost = first ? (2 * C) / block : index === units.length - 1 ? (2 * C * vocab) / block : 1;
    const paramFloats = layoutOf(unit.params, dp).floats;
    const table = unit.borrowed && { unit: 0, floats: floatsOf(unit.borrowed.shape) };
    return { name: unit.name, paramFloats, cost, ...(table && { table }) };
  });
}
