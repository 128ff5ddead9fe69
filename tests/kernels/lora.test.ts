/** The kernels of adapters against float64. */

import { activate, addColumns, takeColumns } from '../../src/gpu/kernels.lora';
import { ACT } from '../../src/gpu/kernels.matmul';
import { bothTest, useGpu } from '../helpers/gpu';
import { expectClose, random, runKernel } from '../helpers/kernelrun';

useGpu();

/** One product and one sum of values below 3, in f32. */
const TOLERANCE = 1e-6;

for (const [R, C, N, at] of [
  [1, 1, 1, 0],
  [33, 20, 61, 41],
  [7, 130, 400, 131],
] as const) {
  const factor = 1.75;
  const params = { R, C, N, at, factor };
  const [y, z] = [random(R * N, 1), random(R * C, 2)];
  const column = (i: number) => (i % N) - at;
  const isInside = (i: number) => column(i) >= 0 && column(i) < C;

  bothTest(`addColumns ${[R, C, N, at]}`, async (device) => {
    const expected = Float64Array.from(y, (value, i) =>
      isInside(i) ? value + factor * z[Math.floor(i / N) * C + column(i)]! : value,
    );
    const run = { kernel: addColumns, params, bind: { z, y }, out: ['y'] };
    expectClose((await runKernel(device, run)).y!, expected, TOLERANCE);
  });

  bothTest(`takeColumns ${[R, C, N, at]}`, async (device) => {
    const expected = Float64Array.from(z, (_, i) => factor * y[Math.floor(i / C) * N + at + (i % C)]!);
    const run = { kernel: takeColumns, params, bind: { y, z: new Float32Array(R * C) }, out: ['z'] };
    expectClose((await runKernel(device, run)).z!, expected, TOLERANCE);
  });
}

const FUNCTIONS: Readonly<Record<keyof typeof ACT, (x: number) => number>> = {
  'gelu-tanh': (x) => 0.5 * x * (1 + Math.tanh(Math.sqrt(2 / Math.PI) * (x + 0.044715 * x ** 3))),
  gelu: (x) => x * normal(x),
  relu: (x) => Math.max(x, 0),
};

/** The normal distribution function by the trapezoid rule from -10 on, to 1e-12. */
function normal(x: number): number {
  const steps = 4000;
  const width = (x + 10) / steps;
  let sum = 0;
  for (let i = 0; i <= steps; i++) sum += Math.exp(-0.5 * (-10 + i * width) ** 2) * (i === 0 || i === steps ? 0.5 : 1);
  return (sum * width) / Math.sqrt(2 * Math.PI);
}

for (const [name, exact] of Object.entries(FUNCTIONS)) {
  bothTest(`activate ${name}`, async (device) => {
    for (const n of [1, 63, 1000]) {
      const x = random(n, n);
      const knobs = { ACT: ACT[name as keyof typeof ACT] };
      const run = { kernel: activate, params: { n }, bind: { x, y: new Float32Array(n) }, knobs, out: ['y'] };
      expectClose((await runKernel(device, run)).y!, Float64Array.from(x, exact), TOLERANCE);
    }
  });
}
