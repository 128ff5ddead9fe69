/** A token table split by rows over 1, 2 and 4 ranks: embedding and cross entropy equal those of the whole table. */
import { expect } from 'vitest';
import type { GpuDevice } from '../../src/gpu/device';
import type { Knobs } from '../../src/gpu/kernel';
import { embed, IGNORED_TARGET, xent } from '../../src/gpu/kernels';
import * as k from '../../src/gpu/kernels.split';
import { derivative } from '../helpers/derivative';
import { bothTest, useGpu } from '../helpers/gpu';
import { expectClose, type Numbers, random, runKernel } from '../helpers/kernelrun';

useGpu();

const zeros = (length: number) => new Float32Array(length);

interface Range {
  readonly lo: number;
  readonly V: number;
}

/** Parts of a vocabulary, ragged where it does not divide. */
function cut(vocab: number, parts: number): Range[] {
  const from = (rank: number) => Math.floor((rank * vocab) / parts);
  return Array.from({ length: parts }, (_, rank) => ({ lo: from(rank), V: from(rank + 1) - from(rank) }));
}

/** Columns [lo, lo + V) of a [R, vocab] array. */
function columns(x: Float32Array, R: number, { lo, V }: Range): Float32Array {
  const vocab = x.length / R;
  return Float32Array.from({ length: R * V }, (_, i) => x[Math.floor(i / V) * vocab + lo + (i % V)]!);
}

/** The collective between two kernels, on the host and in rank order as the groups do it. */
function combine(parts: readonly Float32Array[], op: (a: number, b: number) => number): Float32Array {
  return Float32Array.from(parts[0]!, (_, i) => parts.map((part) => part[i]!).reduce((a, b) => Math.fround(op(a, b))));
}

interface Loss {
  readonly loss: Numbers;
  readonly gradient: Numbers;
}

/** All ranks of a group one after the other; gradients put side by side again. */
async function splitLoss(device: GpuDevice, logits: Float32Array, targets: Uint32Array, parts: number, knobs?: Knobs) {
  const R = targets.length;
  const vocab = logits.length / R;
  const peaks: Float32Array[] = [];
  const partial: Float32Array[] = [];
  const losses: Float32Array[] = [];
  const gradient = zeros(logits.length);
  const ranks = cut(vocab, parts).map((range) => ({ ...range, own: columns(logits, R, range) }));
  for (const { V, own } of ranks) {
    const run = { kernel: k.xentMax, bind: { logits: own, peak: zeros(R) }, params: { R, V }, out: ['peak'] };
    peaks.push((await runKernel(device, run)).peak!);
  }
  const peak = combine(peaks, Math.max);
  for (const { lo, V, own } of ranks) {
    const bind = { logits: own, targets, peak, sums: zeros(2 * R) };
    partial.push((await runKernel(device, { kernel: k.xentSum, bind, params: { R, V, lo }, out: ['sums'] })).sums!);
  }
  const sums = combine(partial, (a, b) => a + b);
  for (const { lo, V, own } of ranks) {
    const bind = { targets, peak, sums, logits: own, loss: zeros(R) };
    const run = { kernel: k.xentGrad, bind, params: { R, V, lo }, out: ['logits', 'loss'] };
    const done = await runKernel(device, knobs ? { ...run, knobs } : run);
    losses.push(done.loss!);
    done.logits!.forEach((value, i) => {
      gradient[Math.floor(i / V) * vocab + lo + (i % V)] = value;
    });
  }
  // the loss is one value on all ranks, bit for bit
  for (const loss of losses) expect(loss).toEqual(losses[0]);
  return { loss: losses[0]!, gradient };
}

/** Whole rows in float64: loss, and softmax - onehot. */
function dense(logits: Float32Array, targets: Uint32Array): Loss {
  const vocab = logits.length / targets.length;
  const gradient = new Float64Array(logits.length);
  const loss = Array.from(targets, (label, r) => {
    if (label === IGNORED_TARGET) return 0;
    const row = Float64Array.from(logits.slice(r * vocab, (r + 1) * vocab));
    const peak = row.reduce((a, b) => Math.max(a, b));
    const total = row.reduce((a, b) => a + Math.exp(b - peak), 0);
    row.forEach((value, v) => {
      gradient[r * vocab + v] = Math.exp(value - peak) / total - (v === label ? 1 : 0);
    });
    return Math.log(total) + peak - row[label]!;
  });
  return { loss, gradient };
}

/** Each loss within `tolerance` of itself (losses reach 20,000, others of the same run are near 0), gradients too. */
function expectEqual(actual: Loss, expected: Loss, tolerance: number): void {
  const scaled = ({ loss }: Loss) => Array.from(loss, (x, r) => x / Math.max(1, Math.abs(expected.loss[r]!)));
  expectClose(scaled(actual), scaled(expected), tolerance, 'loss');
  expectClose(actual.gradient, expected.gradient, tolerance, 'gradient');
}

/** First and last token of the vocabulary, an ignored row, then others. */
function labels(R: number, vocab: number): Uint32Array {
  return Uint32Array.from({ length: R }, (_, r) => [0, vocab - 1, IGNORED_TARGET][r] ?? (r * 31) % vocab);
}

for (const [R, vocab, scale] of [
  [1, 4, 1],
  [5, 97, 3],
  [33, 65, 30],
  [20, 130, 10_000],
] as const) {
  for (const parts of [1, 2, 4]) {
    bothTest(`cross entropy of ${R} x ${vocab} logits up to ${scale} over ${parts} ranks`, async (device) => {
      const logits = random(R * vocab, 11 + R).map((value) => scale * value);
      const targets = labels(R, vocab);
      const split = await splitLoss(device, logits, targets, parts);
      // up to 130 additions of exp, which is off by units in the last place only where it counts
      expectEqual(split, dense(logits, targets), 1e-6);
      if (R > 2) {
        expect(split.loss[2]).toBe(0);
        expect(split.gradient.slice(2 * vocab, 3 * vocab)).toEqual(zeros(vocab));
      }
      const bind = { targets, logits, loss: zeros(R) };
      const whole = await runKernel(device, { kernel: xent, bind, params: { R, V: vocab }, out: ['loss', 'logits'] });
      // the same, but for the order of additions
      expectEqual(split, { loss: whole.loss!, gradient: whole.logits! }, 1e-6);
    });
  }
}

bothTest('logits that are all equal, and all far below zero', async (device) => {
  const logits = Float32Array.from([...zeros(8), ...zeros(8).fill(-1e4), ...zeros(8).fill(1e4)]);
  const targets = Uint32Array.of(0, 7, 3);
  expectEqual(await splitLoss(device, logits, targets, 4), dense(logits, targets), 1e-6);
});

bothTest('the gradient of the split cross entropy is that of its loss', async (device) => {
  const [R, vocab] = [3, 11];
  const logits = random(R * vocab, 5).map((value) => 4 * value);
  const targets = Uint32Array.of(0, 10, 6);
  const { gradient } = await splitLoss(device, logits, targets, 4);
  const total = (x: Float64Array) =>
    targets.reduce((sum, label, r) => {
      const row = x.slice(r * vocab, (r + 1) * vocab);
      return sum + Math.log(row.reduce((a, b) => a + Math.exp(b), 0)) - row[label]!;
    }, 0);
  // 11 units in the last place of exp at 4, and 1e-9 of the central differences
  expectClose(gradient, derivative(total, logits), 1e-6);
});

bothTest('GRAD=0 gives the loss and leaves the logits', async (device) => {
  const [R, vocab] = [5, 21];
  const logits = random(R * vocab, 3);
  const targets = labels(R, vocab);
  const { loss, gradient } = await splitLoss(device, logits, targets, 2, { GRAD: 0 });
  expectClose(loss, dense(logits, targets).loss, 1e-6);
  expect(gradient).toEqual(logits);
});

for (const [R, T, C, vocab] of [
  [1, 1, 1, 4],
  [6, 3, 5, 9],
  [33, 11, 70, 97],
] as const) {
  for (const parts of [1, 2, 4]) {
    bothTest(`embedding of ${R} x ${C}, ${vocab} tokens over ${parts} ranks`, async (device) => {
      const at = { wte: 4, wpe: 8 };
      const [wte, wpe] = [random(vocab * C, 1), random(T * C, 2)];
      const tokens = Uint32Array.from({ length: R }, (_, r) => (r === 0 ? vocab - 1 : (r * 29) % vocab));
      const out = zeros(R * C);
      const bind = { tokens, wte, wpe, out };
      const whole = await runKernel(device, { kernel: embed, bind, params: { R, T, C }, out: ['out'], at });
      const results: Float32Array[] = [];
      for (const [rank, { lo, V }] of cut(vocab, parts).entries()) {
        const WPE = rank === 0 ? 1 : 0;
        const own = { tokens, wte: wte.slice(lo * C, (lo + V) * C), ...(WPE && { wpe }), out };
        const params = { R, T, C, V, lo };
        const run = { kernel: k.embedSplit, bind: own, params, knobs: { WPE }, out: ['out'], at };
        results.push((await runKernel(device, run)).out!);
      }
      // all but two of the addends are zero, so the sum has the same bits in any order
      const total = combine(results, (a, b) => a + b);
      expect(total).toEqual(whole.out);
    });
  }
}
