/**
 * What the units of a model weigh, from its shape alone: parameters, floating point operations, saved activations. For
 * the planner; the tapes (model/) are the truth of what is allocated.
 */
import type { UnitSize } from './plan';

/** The model part of a run file. */
export interface ModelShape {
  readonly arch: 'gpt2' | 'llama';
  readonly layers: number;
  readonly heads: number;
  readonly kvHeads: number;
  readonly dim: number;
  readonly hidden: number;
  readonly context: number;
  readonly vocab: number;
  readonly tieEmbeddings: boolean;
}

export type UnitKind = 'embed' | 'block' | 'head';
export type PassOp = 'F' | 'I' | 'W';

/** One unit on one tensor-parallel rank; figures are of one sequence. */
export interface UnitFigures extends UnitSize {
  readonly kind: UnitKind;
  readonly flops: Readonly<Record<PassOp, number>>;
  /** Floats that F leaves for the backward, the unit's input included. */
  readonly savedFloats: number;
  /** Floats that I leaves for W: the output gradients of the linears. */
  readonly keptFloats: number;
  /** Floats alive only inside a pass. */
  readonly scratchFloats: number;
  /** Tensor-parallel all-reduces of a pass, by their floats. */
  readonly allReduces: Readonly<Record<PassOp, readonly number[]>>;
}

const NONE: Readonly<Record<PassOp, readonly number[]>> = { F: [], I: [], W: [] };

/** embed, blocks, head, as one rank of `tp` holds them; flat buffers are padded for `dp` equal shards. */
export function figuresOf(shape: ModelShape, dp: number, tp: number): readonly UnitFigures[] {
  const block = blockFigures(shape, dp, tp);
  const blocks = Array.from({ length: shape.layers }, (_, i) => ({ ...block, name: `block${i}` }));
  return [embedFigures(shape, dp, tp, block.flops.F), ...blocks, headFigures(shape, dp, tp, block.flops.F)];
}

function embedFigures(shape: ModelShape, dp: number, tp: number, blockFlops: number): UnitFigures {
  const { arch, dim: C, context: T, vocab } = shape;
  const tables = [Math.ceil(vocab / tp) * C, ...(arch === 'gpt2' ? [T * C] : [])];
  return {
    name: 'embed',
    kind: 'embed',
    paramFloats: flat(tables, dp),
    cost: (2 * T * C) / blockFlops,
    flops: { F: 2 * T * C, I: 0, W: 2 * T * C },
    savedFloats: 2 * T,
    keptFloats: T * C,
    scratchFloats: T * C,
    allReduces: tp > 1 ? { ...NONE, F: [T * C] } : NONE,
  };
}

function blockFigures(shape: ModelShape, dp: number, tp: number): UnitFigures {
  const { arch, heads, dim: C, context: T } = shape;
  const hidden = shape.hidden / tp;
  const own = C / tp;
  const kv = (C / heads) * Math.max(1, shape.kvHeads / tp);
  const qkv = own + 2 * kv;
  const mlp = arch === 'gpt2' ? [C * hidden, hidden, hidden * C, C] : [C * hidden, C * hidden, hidden * C];
  const attention = arch === 'gpt2' ? [C * qkv, qkv, own * C, C] : [C * own, C * kv, C * kv, own * C];
  const norms = arch === 'gpt2' ? [C, C, C, C] : [C, C];
  const linears = C * qkv + own * C + (arch === 'gpt2' ? 2 : 3) * C * hidden;
  // the causal half of scores and mix; their backward computes the scores again and four products more
  const scores = 2 * T * T * own;
  const F = 2 * T * linears + scores;
  const wide = arch === 'gpt2' ? 2 : 3;
  return {
    name: 'block',
    kind: 'block',
    paramFloats: flat([...attention, ...mlp, ...norms], dp),
    cost: 1,
    flops: { F, I: 2 * T * linears + 2 * scores, W: 2 * T * linears },
    savedFloats: T * (4 * C + qkv + own + wide * hidden) + T * (heads / tp) + 4 * T,
    keptFloats: T * (2 * C + qkv + (wide - 1) * hidden),
    scratchFloats: T * (2 * C + qkv + wide * hidden),
    allReduces: tp > 1 ? { ...NONE, F: [T * C, T * C], I: [T * C, T * C] } : NONE,
  };
}

function headFigures(shape: ModelShape, dp: number, tp: number, blockFlops: number): UnitFigures {
  const { arch, dim: C, context: T, tieEmbeddings } = shape;
  const vocab = Math.ceil(shape.vocab / tp);
  const norm = arch === 'gpt2' ? [C, C] : [C];
  const pass = 2 * T * C * vocab;
  return {
    name: 'head',
    kind: 'head',
    paramFloats: flat([...norm, ...(tieEmbeddings ? [] : [vocab * C])], dp),
    cost: pass / blockFlops,
    flops: { F: pass, I: pass, W: pass },
    savedFloats: T * (2 * C + vocab) + 4 * T,
    keptFloats: T * vocab,
    scratchFloats: T * (vocab + C),
    allReduces: tp > 1 ? { ...NONE, F: [T, T, T], I: [T * C] } : NONE,
    ...(tieEmbeddings ? { table: { unit: 0, floats: vocab * C } } : {}),
  };
}

/** Length of a flat buffer: each tensor from a multiple of 4 floats, the whole a multiple of 4 dp (model/layout.ts). */
function flat(tensors: readonly number[], dp: number): number {
  const floats = tensors.reduce((sum, tensor) => sum + Math.ceil(tensor / 4) * 4, 0);
  return Math.ceil(floats / (4 * dp)) * 4 * dp;
}
