/**
 * The end of a model: logits against a table and their cross entropy. Probabilities are never stored. A large
 * vocabulary is processed in pieces, so that logits [R, vocab] are never stored either: each use computes them again.
 */
import type { Tensor } from '../gpu/instr';
import * as k from '../gpu/kernels';
import * as split from '../gpu/kernels.split';
import { part } from './split';
import type { Tape } from './tape';
import type { Param } from './unit';
import { weightGrad } from './weightgrad';

/** Vocabularies up to this size are one piece. */
export const PIECE = 4096;

/** Per-row losses [R] in nats of x [R,C] against the targets; `vocab` is the whole vocabulary, of a split table too. */
export function nextTokenLoss(t: Tape, x: Tensor, table: Param, targets: Tensor, vocab: number): Tensor {
  if (!table.split && vocab > PIECE) return lossInPieces(t, x, table, targets);
  return crossEntropy(t, project(t, x, table), targets, vocab);
}

/** logits[R,V] = x table^T: the head's linear, no bias. */
function project(t: Tape, x: Tensor, table: Param): Tensor {
  const [R, V, C] = [t.rows, table.shape[0]!, table.shape[1]!];
  const logits = t.make('logits', [R, V]);
  t.F(k.matmul, { a: x, b: table, out: logits }, { M: R, N: V, K: C }, { TB: 1 });

  t.backward(() => {
    const dy = t.gradOf(logits);
    const { grad: dx, ACC } = t.into(x);
    t.I(k.matmul, { a: dy, b: table, out: dx }, { M: R, N: C, K: V }, { ACC });
    if (table.split) t.allReduce('backwardInput', dx);
    weightGrad(t, 'd.table', { a: dy, b: x, out: t.paramGrad(table) }, { M: V, N: C, K: R });
  });
  return logits;
}

/**
 * Per-row losses [R] in nats; `logits` becomes its own gradient of the loss sum, in place. `vocab` is the whole
 * vocabulary. Where a rank has only a part of it, the group exchanges maximum and sums, never the logits.
 */
function crossEntropy(t: Tape, logits: Tensor, targets: Tensor, vocab: number): Tensor {
  const [R, V] = [t.rows, logits.shape[1]!];
  const loss = t.make('loss', [R]);
  if (V < vocab) {
    const [lo] = part(vocab, t.cut);
    const peak = t.make('peak', [R]);
    const sums = t.make('sums', [R, 2]);
    t.F(split.xentMax, { logits, peak }, { R, V });
    t.allReduce('forward', peak, 'max');
    t.F(split.xentSum, { logits, targets, peak, sums }, { R, V, lo });
    t.allReduce('forward', sums);
    t.F(split.xentGrad, { targets, peak, sums, logits, loss }, { R, V, lo });
  } else {
    t.F(k.xent, { targets, logits, loss }, { R, V });
  }
  t.gradIs(logits, logits);
  return loss;
}

/**
 * The same for a table in pieces of PIECE tokens. Forward: each row's maximum and sum of exponentials, piece by piece.
 * I and W each compute the logits of a piece again, then their gradient, then its product. This is two matrix products
 * more than with all logits in memory.
 */
function lossInPieces(t: Tape, x: Tensor, table: Param, targets: Tensor): Tensor {
  const [V, C] = [table.shape[0]!, table.shape[1]!];
  const R = t.rows;
  const pieces = Array.from({ length: Math.ceil(V / PIECE) }, (_, i) => {
    const lo = i * PIECE;
    const count = Math.min(PIECE, V - lo);
    return { lo, count, rows: t.rowsOf(table, lo, count), first: i === 0, last: lo + count === V };
  });
  const peak = t.make('peak', [R]);
  const sums = t.make('sums', [R, 2]);
  const loss = t.make('loss', [R]);
  const logits = t.make('logits', [R, PIECE]);
  for (const { lo, count, rows, first, last } of pieces) {
    t.F(k.matmul, { a: x, b: rows, out: logits }, { M: R, N: count, K: C }, { TB: 1 });
    const knobs = { FIRST: first ? 1 : 0, LAST: last ? 1 : 0 };
    t.F(split.xentFold, { logits, targets, peak, sums }, { R, V: count, lo }, knobs);
    if (last) t.F(split.xentGrad, { targets, peak, sums, logits, loss }, { R, V: count, lo }, { GRAD: 0 });
  }

  t.backward(() => {
    const { grad: dx, ACC } = t.into(x);
    // why two: a tensor that I and W share would be kept from I to W where these are different lines
    const [forI, forW] = [t.make('d.logits.i', [R, PIECE]), t.make('d.logits.w', [R, PIECE])];
    for (const { lo, count, rows, first } of pieces) {
      const dims = { M: R, N: count, K: C };
      const part = { R, V: count, lo };
      t.I(k.matmul, { a: x, b: rows, out: forI }, dims, { TB: 1 });
      t.I(split.xentGrad, { targets, peak, sums, logits: forI }, part, { LOSS: 0 });
      t.I(k.matmul, { a: forI, b: rows, out: dx }, { M: R, N: C, K: count }, { ACC: first ? ACC : 1 });
      t.W(k.matmul, { a: x, b: rows, out: forW }, dims, { TB: 1 });
      t.W(split.xentGrad, { targets, peak, sums, logits: forW }, part, { LOSS: 0 });
      weightGrad(t, `d.table.${lo}`, { a: forW, b: x, out: t.paramGrad(rows) }, { M: count, N: C, K: R });
    }
  });
  return loss;
}
