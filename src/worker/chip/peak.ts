/** The limits of the adapter: multiply-adds per second in registers, and bytes per second of a copy of vec4. */
const CHAINS = 16;
const TURNS = 256;
const GROUPS = 128;
const WIDTH = 64;

const names = Array.from({ length: CHAINS }, (_, i) => `c${i}`);
const FMA = `
@group(0) @binding(0) var<storage, read_write> out: array<vec4f>;
@group(0) @binding(1) var<storage, read_write> unused: array<vec4f>;
@compute @workgroup_size(${WIDTH}) fn main(@builtin(global_invocation_id) id: vec3u) {
  let s = vec4f(f32(id.x) * 1e-6);
  let x = s * 0.5 + 0.9;
  ${names.map((name, i) => `var ${name} = s + ${i}.0;`).join('\n')}
  for (var k = 0u; k < ${TURNS}u; k++) {
    ${names.map((name) => `${name} = fma(${name}, x, s);`).join('\n')}
  }
  out[id.x] = ${names.join(' + ')} + unused[0];
}`;

const FLOATS = 4 << 20;
const COPY = `
@group(0) @binding(0) var<storage, read_write> out: array<vec4f>;
@group(0) @binding(1) var<storage, read_write> source: array<vec4f>;
@compute @workgroup_size(${WIDTH}) fn main(@builtin(global_invocation_id) id: vec3u) {
  out[id.x] = source[id.x];
}`;

export interface Peak {
  readonly gflops: number;
  readonly gigabytes: number;
}

/** Best of a few runs of each. */
export async function measurePeak(device: GPUDevice): Promise<Peak> {
  const usage = GPUBufferUsage.STORAGE;
  const buffers = [0, 1].map(() => device.createBuffer({ size: 4 * FLOATS, usage }));
  const best = async (code: string, groups: number) => {
    const compute = { module: device.createShaderModule({ code }) };
    const pipeline = await device.createComputePipelineAsync({ layout: 'auto', compute });
    const entries = buffers.map((buffer, binding) => ({ binding, resource: { buffer } }));
    const group = device.createBindGroup({ layout: pipeline.getBindGroupLayout(0), entries });
    let least = Number.POSITIVE_INFINITY;
    for (let run = 0; run < 6; run++) {
      const encoder = device.createCommandEncoder();
      const pass = encoder.beginComputePass();
      pass.setPipeline(pipeline);
      pass.setBindGroup(0, group);
      pass.dispatchWorkgroups(groups);
      pass.end();
      const began = performance.now();
      device.queue.submit([encoder.finish()]);
      await device.queue.onSubmittedWorkDone();
      least = Math.min(least, performance.now() - began);
    }
    return least;
  };
  const fmaMs = await best(FMA, GROUPS);
  const copyMs = await best(COPY, FLOATS / 4 / WIDTH);
  for (const buffer of buffers) buffer.destroy();
  return {
    gflops: (GROUPS * WIDTH * TURNS * CHAINS * 8) / fmaMs / 1e6,
    gigabytes: (8 * FLOATS) / copyMs / 1e6,
  };
}
