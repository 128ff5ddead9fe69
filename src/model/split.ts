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
  /**
   * By block, the most parts it is cut into (its heads). If the group has more ranks, neighbours hold copies of a part.
   * Copied blocks come last and `dim` is 0, so all copied elements are one range (see `copiedRange`).
   */
  readonly most?: readonly number[];
}

/** Parameter short name -> split. A parameter that is not named is replicated. */
export type SplitTable = Readonly<Record<string, Split>>;

/** Position in the tensor-parallel group. */
export interface Cut {
  readonly size: number;
  readonly rank: number;
}

export const WHOLE: Cut = { size: 1, rank: 0 };

/**
 * First index and length of the rank's part of a block of `length`, cut into at most `most` parts. If `length` is no
 * multiple of the number of parts, parts differ in length by at most 1.
 */
export function part(length: number, cut: Cut, most = cut.size): readonly [number, number] {
  const parts = Math.min(cut.size, most);
  const index = Math.floor((cut.rank * parts) / cut.size);
  const from = Math.floor((index * length) / parts);
  return [from, Math.floor(((index + 1) * length) / parts) - from];
}

/** Shape of the rank's part. */
export function localShape(shape: readonly number[], split: Split | undefined, cut: Cut): readonly number[] {
  if (split === undefined || cut.size === 1) return shape;
  const blocks = split.blocks ?? [shape[split.dim]!];
  const length = blocks.reduce((sum, block, b) => sum + part(block, cut, split.most?.[b])[1], 0);
  return shape.map((dim, d) => (d === split.dim ? length : dim));
}

/**
 * Visit the contiguous pieces of the rank's part in local order, which is also the order in the whole parameter. A
 * piece has `floats` elements, at `local` in the part and at `global` in the whole. A split of the inner dimension has
 * its pieces in every row.
 */
export function eachPiece(
  shape: readonly number[],
  split: Split | undefined,
  cut: Cut,
  visit: (local: number, global: number, floats: number) => void,
): void {
  const floats = shape.reduce((product, dim) => product * dim, 1);
  if (split === undefined || cut.size === 1) {
    visit(0, 0, floats);
    return;
  }
  const inner = shape.slice(split.dim + 1).reduce((product, dim) => product * dim, 1);
  const row = shape[split.dim]! * inner;
  let block = 0;
  // the pieces of one row, which are the same in every row
  const ofRow = (split.blocks ?? [shape[split.dim]!]).map((length, b) => {
    const [from, count] = part(length, cut, split.most?.[b]);
    const piece = { at: block + from * inner, floats: count * inner };
    block += length * inner;
    return piece;
  });
  let local = 0;
  for (let start = 0; start < floats; start += row) {
    for (const piece of ofRow) {
      visit(local, start + piece.at, piece.floats);
      local += piece.floats;
    }
  }
}

/** The elements of a rank's part that other ranks hold copies of; the gradients of all copies must be summed. */
export interface CopiedRange {
  readonly at: number;
  readonly floats: number;
  /** Which of `parts` different parts this is. */
  readonly part: number;
  readonly parts: number;
  /** True on the one rank, of those that hold this part, that counts it in the norm. */
  readonly first: boolean;
}

export function copiedRange(shape: readonly number[], split: Split | undefined, cut: Cut): CopiedRange | undefined {
  const b = split?.most?.findIndex((most) => most < cut.size) ?? -1;
  if (split?.blocks === undefined || b < 0) return undefined;
  const row = shape.slice(1).reduce((product, dim) => product * dim, 1);
  const lengths = split.blocks.map((block, i) => row * part(block, cut, split.most![i])[1]);
  const sum = (values: readonly number[]) => values.reduce((total, value) => total + value, 0);
  const parts = split.most![b]!;
  const copies = cut.size / parts;
  return {
    at: sum(lengths.slice(0, b)),
    floats: sum(lengths.slice(b)),
    part: Math.floor(cut.rank / copies),
    parts,
    first: cut.rank % copies === 0,
  };
}
