/** Llama's kernels against float64: odd shapes, offsets, every variant, backward kernels by finite differences. */
import { expect, test } from 'vitest';
import { KernelError } from '../../src/errors';
import type { GpuDevice } from '../../src/gpu/device';
import * as k from '../../src/gpu/kernels.llama';
import { normGroups } from '../../src/gpu/lanes';
import { derivative, derivativeByRow } from '../helpers/derivative';
import { bothTest, useGpu } from '../helpers/gpu';
import { expectClose, type Numbers, random, runKernel } from '../helpers/kernelrun';

useGpu();

const EPS = 1e-5;
/** R, C: below, at and above four elements and a span of 64. */
const SHAPES = [
  [1, 1],
  [3, 5],
  [7, 33],
  [5, 64],
  [70, 60],
  [2, 131],
] as const;
/** Parameters begin here in their buffer, as in a unit's flat one. */
const AT = 8;

const zeros = (length: number) => new Float32Array(length);
const sum = (length: number, f: (i: number) => number): number =>
  Array.from({ length }, (_, i) => f(i)).reduce((a, b) => a + b, 0);

function rmsnorm(x: Numbers, gamma: Numbers, R: number, C: number) {
  const rstd = Float64Array.from({ length: R }, (_, r) => 1 / Math.sqrt(sum(C, (c) => x[r * C + c]! ** 2) / C + EPS));
  const y = Float64Array.from({ length: R * C }, (_, i) => x[i]! * rstd[Math.floor(i / C)]! * gamma[i % C]!);
  return { y, rstd };
}

function setUp(R: number, C: number) {
  const [x, gamma, dy] = [random(R * C, 1).map((value) => 2 * value), random(C, 2), random(R * C, 3)];
  return { x, gamma, dy, rstd: Float32Array.from(rmsnorm(x, gamma, R, C).rstd) };
}

/** What the backward leaves for the gradient of gamma. */
async function partsOf(device: GpuDevice, R: number, C: number): Promise<Float32Array> {
  const { x, gamma, dy, rstd } = setUp(R, C);
  const bind = { x, gamma, rstd, dy, dx: zeros(R * C), parts: zeros(normGroups(R, C) * C) };
  const { parts } = await runKernel(device, { kernel: k.rmsnormBack, bind, params: { R, C }, out: ['parts'] });
  return parts!;
}

for (const [R, C] of SHAPES) {
  bothTest(`rmsnorm, ${R} rows of ${C}`, async (device) => {
    const { x, gamma } = setUp(R, C);
    const expected = rmsnorm(x, gamma, R, C);
    const bind = { x, gamma, y: zeros(R * C), rstd: zeros(R) };
    const params = { R, C, eps: EPS };
    const run = { kernel: k.rmsnorm, bind, params, out: ['y', 'rstd'], at: { gamma: AT } };
    const { y, rstd } = await runKernel(device, run);
    // up to 131 additions of squares in four sums, and an inverse square root good to 2 units in the last place
    expectClose(rstd!, expected.rstd, 1e-6);
    expectClose(y!, expected.y, 1e-6);
  });

  bothTest(`gradient of rmsnorm, ${R} rows of ${C}`, async (device) => {
    const { x, gamma, dy, rstd } = setUp(R, C);
    const [skip, dx] = [random(R * C, 4), random(R * C, 5)];
    const loss = (row: Numbers, r: number) => {
      const { y } = rmsnorm(row, gamma, 1, C);
      return sum(C, (c) => y[c]! * dy[r * C + c]!);
    };
    const alone = derivativeByRow(R, loss, x);
    for (const choice of [0, 1, 2, 3]) {
      const [SKIP, ACC] = [choice & 1, choice >> 1];
      const bind = { x, gamma, rstd, dy, ...(SKIP && { skip }), dx, parts: zeros(normGroups(R, C) * C) };
      const knobs = { SKIP, ACC };
      const run = { kernel: k.rmsnormBack, bind, params: { R, C }, knobs, out: ['dx'], at: { gamma: AT } };
      const expected = alone.map((value, i) => value + SKIP * skip[i]! + ACC * dx[i]!);
      // up to 131 additions in four sums, and 1e-9 of the central differences
      expectClose((await runKernel(device, run)).dx!, expected, 1e-6);
    }
  });

  bothTest(`gradient of gamma, ${R} rows of ${C}`, async (device) => {
    const { x, gamma, dy, rstd } = setUp(R, C);
    const loss = (g: Numbers) => sum(R * C, (i) => x[i]! * rstd[Math.floor(i / C)]! * g[i % C]! * dy[i]!);
    const before = random(C, 6);
    const expected = derivative(loss, gamma).map((value, c) => value + before[c]!);
    const bind = { x, rstd, dy, parts: await partsOf(device, R, C), grad: before };
    const run = { kernel: k.rmsnormWeight, bind, params: { R, C }, out: ['grad'], at: { grad: AT } };
    // up to 70 additions
    expectClose((await runKernel(device, run)).grad!, expected, 1e-6);
  });
}

bothTest('the gradients of x and gamma in one dispatch', async (device) => {
  // 1100 rows: more than graphics chips add up without parts
  for (const [R, C] of [
    [70, 60],
    [1100, 8],
  ] as const) {
    const { x, gamma, dy, rstd } = setUp(R, C);
    const run = async (WEIGHTS: number) => {
      const [knobs, params] = [{ WEIGHTS }, { R, C }];
      const given = { x, rstd, dy, parts: zeros(normGroups(R, C) * C), grad: random(C, 6) };
      const bind = { ...given, gamma, dx: zeros(R * C) };
      const out = ['dx', 'parts', 'grad'];
      const back = await runKernel(device, { kernel: k.rmsnormBack, bind, params, knobs, out });
      const rest = { ...given, parts: back.parts!, grad: back.grad! };
      const weight = await runKernel(device, { kernel: k.rmsnormWeight, bind: rest, params, knobs, out: ['grad'] });
      return { dx: back.dx!, grad: weight.grad! };
    };
    const [together, apart] = [await run(1), await run(0)];
    expect(together.dx).toEqual(apart.dx);
    // 1100 additions in two orders
    expectClose(together.grad, apart.grad, 1e-5);
    if (device.report.software) expect(together.grad).toEqual(apart.grad);
  }
});

bothTest('the gradient of gamma over 1024 rows, twice the same bits', async (device) => {
  const [R, C] = [1024, 70];
  const { x, dy, rstd } = setUp(R, C);
  const expected = Float64Array.from({ length: C }, (_, c) => sum(R, (r) => x[r * C + c]! * dy[r * C + c]! * rstd[r]!));
  const run = {
    kernel: k.rmsnormWeight,
    bind: { x, rstd, dy, parts: await partsOf(device, R, C), grad: zeros(C) },
    params: { R, C },
    out: ['grad'],
  };
  const { grad } = await runKernel(device, run);
  // 32 sums of 32 rows each: the errors of 64 additions in a row, not of 1024
  expectClose(grad!, expected, 5e-7);
  expect((await runKernel(device, run)).grad).toEqual(grad);
});

interface Heads {
  readonly R: number;
  readonly T: number;
  readonly N: number;
  readonly NKV: number;
  readonly H: number;
}

/** As transformers computes the frequencies of linear and llama3 scaling. */
function stretch(frequency: number, scaling: k.RopeScaling | undefined): number {
  if (!scaling) return frequency;
  if (scaling.type === 'linear') return frequency / scaling.factor;
  const { factor, lowFrequency, highFrequency, originalContext } = scaling;
  const cycles = (originalContext * frequency) / (2 * Math.PI);
  const smooth = Math.min(1, Math.max(0, (cycles - lowFrequency) / (highFrequency - lowFrequency)));
  return frequency * ((1 - smooth) / factor + smooth);
}

function rotate(qkv: Numbers, { R, T, N, NKV, H }: Heads, theta: number, scaling?: k.RopeScaling): Float64Array {
  const width = (N + 2 * NKV) * H;
  const out = Float64Array.from(qkv);
  for (let r = 0; r < R; r++) {
    for (let head = 0; head < N + NKV; head++) {
      for (let i = 0; i < H / 2; i++) {
        const angle = (r % T) * stretch(theta ** ((-2 * i) / H), scaling);
        const a = r * width + head * H + i;
        const b = a + H / 2;
        out[a] = qkv[a]! * Math.cos(angle) - qkv[b]! * Math.sin(angle);
        out[b] = qkv[b]! * Math.cos(angle) + qkv[a]! * Math.sin(angle);
      }
    }
  }
  return out;
}

const LLAMA3 = { type: 'llama3', factor: 8, lowFrequency: 1, highFrequency: 4, originalContext: 200 } as const;

for (const [B, T, N, NKV, H, theta, scaling] of [
  [1, 1, 1, 1, 2, 10_000],
  [2, 33, 3, 1, 20, 10_000],
  [3, 16, 4, 2, 64, 10_000],
  [1, 1024, 1, 1, 16, 10],
  [1, 2048, 1, 1, 128, 500_000],
  [1, 300, 1, 1, 32, 10_000, { type: 'linear', factor: 3 }],
  [2, 300, 2, 1, 64, 500_000, LLAMA3],
] as const) {
  bothTest(
    `rope, ${B} x ${T} positions, ${N} on ${NKV} heads of ${H}, base ${theta} ${scaling?.type ?? ''}`,
    async (device) => {
      const heads = { R: B * T, T, N, NKV, H };
      const width = (N + 2 * NKV) * H;
      const params = { ...heads, ratio: k.ropeRatio(theta, H), ...k.ropeStretch(scaling), first: 0 };
      const qkv = random(B * T * width, 7);
      const isV = (_: number, i: number) => i % width >= (N + NKV) * H;
      const turn = async (x: Float32Array, INV: number) => {
        const run = { kernel: k.rope, bind: { qkv: x }, params, knobs: { INV }, out: ['qkv'] };
        return (await runKernel(device, run)).qkv!;
      };
      const turned = await turn(qkv, 0);
      // an angle is off by at most two units of 2^-32 turns per position, 3e-9 radians; elements are at most 1
      expectClose(turned, rotate(qkv, heads, theta, scaling), 5e-7 + 3e-9 * T);
      expect(turned.filter(isV)).toEqual(qkv.filter(isV));
      if (B === 1 && T > 1) {
        const [, ...later] = Array.from({ length: T }, (_, t) => qkv.slice(t * width, (t + 1) * width));
        const last = {
          kernel: k.rope,
          params: { ...params, R: 1, T: 1, first: T - 1 },
          out: ['qkv'],
        };
        const alone = await runKernel(device, { ...last, bind: { qkv: later.at(-1)! } });
        expect(alone.qkv).toEqual(turned.slice((T - 1) * width));
      }
      // turning back is the transpose, hence the gradient; sines and cosines are the same, so only roundings differ
      expectClose(await turn(turned, 1), qkv, 5e-7);
    },
  );
}

test('rope refuses bases and heads it cannot rotate', () => {
  expect(() => k.ropeRatio(1, 16)).toThrow(KernelError);
  expect(() => k.ropeRatio(10_000, 5)).toThrow(/head size 5/);
});

const silu = (x: number): number => x / (1 + Math.exp(-x));

for (const [R, hidden] of SHAPES) {
  bothTest(`swiglu and its gradient, ${R} rows of ${hidden}`, async (device) => {
    const gateUp = random(2 * R * hidden, 8).map((value) => 4 * value);
    const dout = random(R * hidden, 9);
    const forward = Float64Array.from({ length: R * hidden }, (_, i) => {
      const at = i + Math.floor(i / hidden) * hidden;
      return silu(gateUp[at]!) * gateUp[at + hidden]!;
    });
    const loss = (row: Numbers, r: number) =>
      sum(hidden, (c) => silu(row[c]!) * row[c + hidden]! * dout[r * hidden + c]!);
    const backward = derivativeByRow(R, loss, gateUp);
    const params = { R, hidden };
    // WGSL lets exp(x) be off by 3 + 2|x| units in the last place: 11 of them at 4, 7e-7 of a value
    const ahead = { gateUp, out: zeros(R * hidden) };
    const { out } = await runKernel(device, { kernel: k.swiglu, bind: ahead, params, out: ['out'] });
    expectClose(out!, forward, 1e-6);
    const back = { gateUp, dout, dgateUp: zeros(2 * R * hidden) };
    const { dgateUp } = await runKernel(device, { kernel: k.swigluBack, bind: back, params, out: ['dgateUp'] });
    expectClose(dgateUp!, backward, 1e-6);
  });
}

bothTest('swiglu and its gradient far from zero are finite and flat', async (device) => {
  const [R, hidden] = [1, 6];
  const gateUp = Float32Array.of(-1e4, -100, -81, 81, 100, 1e4, 2, 2, 2, 2, 2, 2);
  const params = { R, hidden };
  const forward = { kernel: k.swiglu, bind: { gateUp, out: zeros(hidden) }, params, out: ['out'] };
  expect([...(await runKernel(device, forward)).out!].map((x) => (Math.abs(x) < 1e-30 ? 0 : x))).toEqual([
    0, 0, 0, 162, 200, 2e4,
  ]);
  const bind = { gateUp, dout: zeros(hidden).fill(1), dgateUp: zeros(2 * hidden) };
  const { dgateUp } = await runKernel(device, { kernel: k.swigluBack, bind, params, out: ['dgateUp'] });
  expectClose(dgateUp!.slice(0, hidden), [0, 0, 0, 2, 2, 2], 1e-6);
  expectClose(dgateUp!.slice(hidden), [0, 0, 0, 81, 100, 1e4], 1e-6);
});

bothTest('threads that need a second dimension of workgroups', async (device) => {
  const [R, hidden] = [700, 200];
  const bind = { gateUp: random(2 * R * hidden, 8), out: zeros(R * hidden) };
  const run = { kernel: k.swiglu, bind, params: { R, hidden }, out: ['out'] };
  const { out } = await runKernel(device, { ...run, knobs: { WG: 1, SPAN: 4 } });
  expect((await runKernel(device, run)).out).toEqual(out);
  expect(out!.every((value) => value !== 0)).toBe(true);
});
