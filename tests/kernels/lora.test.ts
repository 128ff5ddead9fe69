/** The kernels of adapters against float64. */
import { addColumns, takeColumns } from '../../src/gpu/kernels.lora';
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
