/**
 * Where a tensor-parallel rank's part of a parameter lies in the whole parameter: pure index arithmetic.
 * Holds no table (gpt.split.ts, llama.split.ts) and no communication.
 */

/**
 * One dim is cut into `tp` equal parts. A fused tensor names its blocks (q | k | v): each block is cut by itself, so a
 * rank holds the same heads of every block.
 */
export interface Split {
  readonly dim: number;
  /** Lengths of the blocks along `dim`; left out, the dim is one block. */
  readonly blocks?: readonly number[];
}

/** Parameter short name -> split. A parameter that is not named is replicated. */
export type SplitTable = Readonly<Record<string, Split>>;

/** Position in the tensor-parallel group. */
export interface Cut {
  readonly size: number;
  readonly rank: number;
}

export const WHOLE: Cut = { size: 1, rank: 0 };

/** A run of `floats` elements at `local` of the rank's part, at `global` of the whole parameter. */
export interface Piece {
  readonly local: number;
  readonly global: number;
  readonly floats: number;
}

/** First index and length of part `rank` of a block of `length`; lengths that do not divide give ragged parts. */
export function part(length: number, cut: Cut): readonly [number, number] {
  const from = Math.floor((cut.rank * length) / cut.size);
  return [from, Math.floor(((cut.rank + 1) * length) / cut.size) - from];
}

/** Shape of the rank's part. */
export function localShape(shape: readonly number[], split: Split | undefined, cut: Cut): readonly number[] {
  if (split === undefined || cut.size === 1) return shape;
  const blocks = split.blocks ?? [shape[split.dim]!];
  const length = blocks.reduce((sum, block) => sum + part(block, cut)[1], 0);
  return shape.map((dim, d) => (d === split.dim ? length : dim));
}

/** The contiguous pieces of the rank's part, in local order. */
export function pieces(shape: readonly number[], split: Split | undefined, cut: Cut): readonly Piece[] {
  const floats = shape.reduce((product, dim) => product * dim, 1);
  if (split === undefined || cut.size === 1) return [{ local: 0, global: 0, floats }];
  const inner = shape.slice(split.dim + 1).reduce((product, dim) => product * dim, 1);
  const row = shape[split.dim]! * inner;
  const out: Piece[] = [];
  let local = 0;
  for (let start = 0; start < floats; start += row) {
    let block = start;
    for (const length of split.blocks ?? [shape[split.dim]!]) {
      const [from, count] = part(length, cut);
      out.push({ local, global: block + from * inner, floats: count * inner });
      local += count * inner;
      block += length * inner;
    }
  }
  return out;
}
