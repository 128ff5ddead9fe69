/** Layer norm and its two backwards against float64; the float64 backward is held to finite differences. */
import { expect, test } from 'vitest';
import { layernorm, layernormBack, layernormWeight } from '../../src/gpu/kernels';
import { normGroups } from '../../src/gpu/lanes';
import { bothTest, useGpu } from '../helpers/gpu';
import { expectClose, type Numbers, random, runKernel } from '../helpers/kernelrun';

useGpu();

const EPS = 1e-5;
/** Sums of at most 200 values of size 1 to 4. */
const TOLERANCE = 2e-6;

function forward(x: Numbers, gamma: Numbers, beta: Numbers, C: number) {
  const y = new Float64Array(x.length);
  const stats = new Float64Array((x.length / C) * 2);
  for (let r = 0; r < x.length / C; r++) {
    const row = Array.from({ length: C }, (_, c) => x[r * C + c]!);
    const mean = row.reduce((a, b) => a + b, 0) / C;
    const rstd = 1 / Math.sqrt(row.reduce((a, b) => a + (b - mean) ** 2, 0) / C + EPS);
    row.forEach((value, c) => {
      y[r * C + c] = (value - mean) * rstd * gamma[c]! + beta[c]!;
    });
    stats.set([mean, rstd], r * 2);
  }
  return { y, stats };
}

function backward(x: Numbers, gamma: Numbers, dy: Numbers, C: number) {
  const { stats } = forward(x, gamma, gamma, C);
  const dx = new Float64Array(x.length);
  const [dgamma, dbeta] = [new Float64Array(C), new Float64Array(C)];
  for (let r = 0; r < x.length / C; r++) {
    const [mean, rstd] = [stats[r * 2]!, stats[r * 2 + 1]!];
    let [sumG, sumGx] = [0, 0];
    for (let c = 0; c < C; c++) {
      const normal = (x[r * C + c]! - mean) * rstd;
      dgamma[c]! += dy[r * C + c]! * normal;
      dbeta[c]! += dy[r * C + c]!;
      sumG += dy[r * C + c]! * gamma[c]!;
      sumGx += dy[r * C + c]! * gamma[c]! * normal;
    }
    for (let c = 0; c < C; c++) {
      const normal = (x[r * C + c]! - mean) * rstd;
      dx[r * C + c] = rstd * (dy[r * C + c]! * gamma[c]! - sumG / C - (normal * sumGx) / C);
    }
  }
  return { dx, dgamma, dbeta };
}

test('the float64 backward is the derivative of the float64 forward', () => {
  const [R, C] = [3, 7];
  const x = Float64Array.from(random(R * C, 1));
  const [gamma, beta, dy] = [random(C, 2), random(C, 3), random(R * C, 4)];
  const value = () => forward(x, gamma, beta, C).y.reduce((sum, y, i) => sum + y * dy[i]!, 0);
  const { dx } = backward(x, gamma, dy, C);
  for (let i = 0; i < x.length; i++) {
    const middle = x[i]!;
    x[i] = middle + 1e-5;
    const above = value();
    x[i] = middle - 1e-5;
    const below = value();
    x[i] = middle;
    // Central differences with step 1e-5 are exact to about 1e-9 here.
    expect(Math.abs((above - below) / 2e-5 - dx[i]!)).toBeLessThan(1e-7);
  }
});

for (const [R, C] of [
  [1, 2],
  [33, 60],
  [200, 64],
  [65, 97],
  [300, 384],
  [9, 1024],
] as const) {
  const x = random(R * C, 5).map((value) => value * 3 + 2);
  const [gamma, beta, dy, skip] = [random(C, 6), random(C, 7), random(R * C, 8), random(R * C, 9)];
  const { y, stats } = forward(x, gamma, beta, C);
  const { dx, dgamma, dbeta } = backward(x, gamma, dy, C);
  const at = { gamma: 4, beta: 8 };
  const parts = new Float32Array(normGroups(R, C) * 2 * C);
  const isChosen = R === 33 || R === 9;

  bothTest(`layernorm ${R} x ${C}`, async (device) => {
    const bind = { x, gamma, beta, y: new Float32Array(R * C), stats: new Float32Array(R * 2) };
    const got = await runKernel(device, {
      kernel: layernorm,
      bind,
      params: { R, C, eps: EPS },
      out: ['y', 'stats'],
      at,
    });
    expectClose(got.y!, y, TOLERANCE, 'y');
    expectClose(got.stats!, stats, TOLERANCE, 'stats');
  });

  bothTest(
    `layernorm_back ${R} x ${C}`,
    async (device) => {
      const before = random(R * C, 10);
      const bind = { x, gamma, stats: Float32Array.from(stats), dy, skip, dx: before, parts };
      // every epilogue on one shape
      const some = [
        [1, 1],
        ...(R === 33
          ? [
              [0, 0],
              [1, 0],
              [0, 1],
            ]
          : []),
      ] as const;
      for (const [ACC = 0, SKIP = 0] of some) {
        const expected = dx.map((value, i) => value + ACC * before[i]! + SKIP * skip[i]!);
        const run = { kernel: layernormBack, bind, params: { R, C, betaAt: 0 }, knobs: { ACC, SKIP }, out: ['dx'], at };
        expectClose((await runKernel(device, run)).dx!, expected, TOLERANCE, `ACC ${ACC} SKIP ${SKIP}`);
      }
    },
    isChosen,
  );

  bothTest(
    `layernorm_weight ${R} x ${C}`,
    async (device) => {
      const grad = random(2 * C, 11);
      const expected = Float64Array.from(grad, (start, i) => start + (i < C ? dgamma[i]! : dbeta[i - C]!));
      const given = { x, stats: Float32Array.from(stats), dy };
      const back = await runKernel(device, {
        kernel: layernormBack,
        bind: { ...given, gamma, dx: new Float32Array(R * C), parts },
        params: { R, C, betaAt: 0 },
        out: ['parts'],
      });
      const got = await runKernel(device, {
        kernel: layernormWeight,
        bind: { ...given, parts: back.parts!, grad },
        params: { R, C, betaAt: C },
        out: ['grad'],
      });
      expectClose(got.grad!, expected, TOLERANCE);
    },
    isChosen,
  );

  bothTest(
    `layernorm_back and _weight in one ${R} x ${C}`,
    async (device) => {
      const start = random(2 * C, 11);
      const given = { x, stats: Float32Array.from(stats), dy, parts };
      const run = async (WEIGHTS: number) => {
        const [knobs, params] = [{ WEIGHTS }, { R, C, betaAt: C }];
        const bind = { ...given, gamma, dx: new Float32Array(R * C), grad: start };
        const back = await runKernel(device, {
          kernel: layernormBack,
          bind,
          params,
          knobs: { ...knobs, ACC: 0, SKIP: 0 },
          out: ['dx', 'parts', 'grad'],
        });
        // left out where the backward has added up all
        const rest = { ...given, parts: back.parts!, grad: back.grad! };
        const weight = await runKernel(device, { kernel: layernormWeight, bind: rest, params, knobs, out: ['grad'] });
        return { dx: back.dx!, grad: weight.grad! };
      };
      const [together, apart] = [await run(1), await run(0)];
      expectClose(together.dx, dx, TOLERANCE);
      const expected = Float64Array.from(start, (value, i) => value + (i < C ? dgamma[i]! : dbeta[i - C]!));
      expectClose(together.grad, expected, TOLERANCE);
      expect(together.dx).toEqual(apart.dx);
      if (device.report.software) expect(together.grad).toEqual(apart.grad);
    },
    isChosen,
  );
}
