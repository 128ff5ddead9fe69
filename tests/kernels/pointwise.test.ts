/** Embedding, cross entropy, sums and AdamW against float64. */
import { expect } from 'vitest';
import {
  adamw,
  colsum,
  embed,
  embedBack,
  embedPosBack,
  IGNORED_TARGET,
  SUMSQ_PARTIALS,
  sum,
  sumsq,
  xent,
} from '../../src/gpu/kernels';
import { bothTest, useGpu } from '../helpers/gpu';
import { expectClose, random, runKernel } from '../helpers/kernelrun';

useGpu();

/** Sums of at most 300 values below 1, or single elements, in f32. */
const TOLERANCE = 5e-6;

const tokensOf = (count: number, vocab: number, seed: number) =>
  Uint32Array.from(random(count, seed), (x) => Math.floor(((x + 1) / 2) * vocab));

for (const [B, T, C, V] of [
  [1, 1, 1, 1],
  [3, 33, 20, 97],
  [2, 64, 64, 65],
] as const) {
  const R = B * T;
  const tokens = tokensOf(R, V, 1);
  const at = { wte: 4, wpe: 8, grad: 12 };

  bothTest(`embed ${[B, T, C, V]}`, async (device) => {
    const [wte, wpe] = [random(V * C, 2), random(T * C, 3)];
    const out = new Float32Array(R * C);
    const token = Float64Array.from(out, (_, i) => wte[tokens[Math.floor(i / C)]! * C + (i % C)]!);
    const both = token.map((x, i) => x + wpe[(Math.floor(i / C) % T) * C + (i % C)]!);
    const run = { kernel: embed, params: { R, T, C }, out: ['out'], at };
    const got = await runKernel(device, { ...run, bind: { tokens, wte, wpe, out } });
    expectClose(got.out!, both, TOLERANCE);
    const alone = await runKernel(device, { ...run, bind: { tokens, wte, out }, knobs: { WPE: 0 } });
    expectClose(alone.out!, token, 0);
  });

  bothTest(`embed_back and embed_pos_back ${[B, T, C, V]}`, async (device) => {
    const dy = random(R * C, 4);
    const order = Uint32Array.from([...tokens.keys()].sort((a, b) => tokens[a]! - tokens[b]! || a - b));
    const starts = Uint32Array.from({ length: V + 1 }, (_, v) => tokens.filter((token) => token < v).length);
    const grad = random(V * C, 5);
    const expected = Float64Array.from(grad);
    for (let i = 0; i < R * C; i++) expected[tokens[Math.floor(i / C)]! * C + (i % C)]! += dy[i]!;
    const got = await runKernel(device, {
      kernel: embedBack,
      bind: { dy, order, starts, grad },
      params: { V, C },
      out: ['grad'],
      at,
    });
    expectClose(got.grad!, expected, TOLERANCE);

    const positions = random(T * C, 6);
    const summed = Float64Array.from(positions);
    for (let i = 0; i < R * C; i++) summed[i % (T * C)]! += dy[i]!;
    const bind = { dy, grad: positions };
    const pos = await runKernel(device, { kernel: embedPosBack, bind, params: { B, T, C }, out: ['grad'], at });
    expectClose(pos.grad!, summed, TOLERANCE);
  });

  bothTest(`xent ${[R, V]}`, async (device) => {
    const targets = tokensOf(R, V, 7);
    targets[R - 1] = IGNORED_TARGET;
    const logits = random(R * V, 8).map((x) => x * 20);
    const loss = new Float64Array(R);
    const grad = new Float64Array(R * V);
    for (let r = 0; r < R - 1; r++) {
      const row = [...logits.subarray(r * V, (r + 1) * V)];
      const peak = Math.max(...row);
      const total = row.reduce((all, x) => all + Math.exp(x - peak), 0);
      loss[r] = Math.log(total) + peak - row[targets[r]!]!;
      row.forEach((x, v) => {
        grad[r * V + v] = Math.exp(x - peak) / total - (v === targets[r] ? 1 : 0);
      });
    }
    const run = { kernel: xent, bind: { targets, logits, loss: new Float32Array(R) }, params: { R, V } };
    const got = await runKernel(device, { ...run, out: ['logits', 'loss'] });
    expectClose(got.loss!, loss, TOLERANCE, 'loss');
    expectClose(got.logits!, grad, TOLERANCE, 'gradient');
    const held = await runKernel(device, { ...run, knobs: { GRAD: 0 }, out: ['logits', 'loss'] });
    expectClose(held.loss!, loss, TOLERANCE, 'loss');
    expect(held.logits).toEqual(logits);
  });

  bothTest(`colsum ${[R, C]}`, async (device) => {
    const [x, out] = [random(R * C, 9), random(C, 10)];
    const expected = Float64Array.from(out);
    for (let i = 0; i < x.length; i++) expected[i % C]! += x[i]!;
    const got = await runKernel(device, {
      kernel: colsum,
      bind: { x, out },
      params: { R, C },
      out: ['out'],
      at: { out: 4 },
    });
    expectClose(got.out!, expected, TOLERANCE);
  });
}

for (const n of [1, 31, 1000, 5003]) {
  bothTest(`sum and sumsq of ${n}`, async (device) => {
    const x = random(n, 11);
    const total = await runKernel(device, {
      kernel: sum,
      bind: { x, out: new Float32Array(1) },
      params: { n },
      out: ['out'],
      at: { out: 3 },
    });
    // Blocks of 32: about 32 + n / 32 roundings of partial sums that stay below sqrt(n).
    expectClose(total.out!, [x.reduce((a, b) => a + b, 0)], 1e-5);
    // two ranges, the second one with other elements around it
    const half = (n >> 3) << 2;
    const ranges = Uint32Array.of(0, half, half, n - half);
    const parts = await runKernel(device, {
      kernel: sumsq,
      bind: { x, ranges, out: new Float32Array(2 * SUMSQ_PARTIALS) },
      params: { count: 2, odd: n % 4 },
      out: ['out'],
      at: { out: 8 },
    });
    for (const [r, [from, to]] of [
      [0, half],
      [half, n],
    ].entries()) {
      const squares = x.subarray(from, to).reduce((a, b) => a + b * b, 0);
      const own = parts.out!.subarray(r * SUMSQ_PARTIALS, (r + 1) * SUMSQ_PARTIALS);
      expectClose([own.reduce((a, b) => a + b, 0)], [squares], TOLERANCE);
    }
  });

  bothTest(`adamw on ${n} elements`, async (device) => {
    const hyper = {
      lr: 0.1,
      beta1: 0.9,
      beta2: 0.95,
      eps: 1e-8,
      weightDecay: 0.1,
      c1: 1 - 0.9 ** 3,
      c2: 1 - 0.95 ** 3,
      scale: 0.5,
    };
    // two ranges, the second one before the first in every buffer: lengths are multiples of 4, as those of units
    const lengths = [4 * Math.ceil(n / 4), 8];
    const all = lengths[0]! + lengths[1]!;
    const [grad, param] = [random(all, 12), random(all, 13)];
    const moment = new Float32Array([...random(2 * all, 14).map(Math.abs)]);
    const starts = [8, 0];
    const decayed = [4 * Math.floor(n / 8), 8];
    const expected = { param: new Float64Array(all), moment: new Float64Array(2 * all) };
    for (const [r, length] of lengths.entries()) {
      const at = starts[r]!;
      for (let i = 0; i < length; i++) {
        const [mAt, vAt] = [2 * at + i, 2 * at + length + i];
        const g = grad[at + i]! * hyper.scale;
        const m = hyper.beta1 * moment[mAt]! + (1 - hyper.beta1) * g;
        const v = hyper.beta2 * moment[vAt]! + (1 - hyper.beta2) * g * g;
        const kept = param[at + i]! * (i < decayed[r]! ? 1 - hyper.lr * hyper.weightDecay : 1);
        expected.param[at + i] = kept - (hyper.lr * (m / hyper.c1)) / (Math.sqrt(v / hyper.c2) + hyper.eps);
        expected.moment[mAt] = m;
        expected.moment[vAt] = v;
      }
    }
    const ranges = Uint32Array.from(
      lengths.flatMap((length, r) => [starts[r]!, starts[r]!, 2 * starts[r]!, length, decayed[r]!, 0, 0, 0]),
    );
    const got = await runKernel(device, {
      kernel: adamw,
      bind: { grad, ranges, param, moment },
      params: { count: 2, longest: Math.max(...lengths), ...hyper },
      out: ['param', 'moment'],
    });
    expectClose(got.param!, expected.param, TOLERANCE, 'param');
    expectClose(got.moment!, expected.moment, TOLERANCE, 'moment');
  });
}
