/** Times a list by the GPU's own clock, where the adapter has timestamp queries. */
import type { GpuDevice } from './device';
import type { PreparedList } from './stream';

/**
 * Milliseconds of one pass that runs `list` `times` times; undefined without timestamp queries, and where the driver's
 * stamps are not in order. Browsers round stamps to 0.1 ms. Work submitted before is done first.
 */
export async function gpuMs(device: GpuDevice, list: PreparedList, times: number): Promise<number | undefined> {
  if (!device.raw.features.has('timestamp-query')) return undefined;
  const queries = device.raw.createQuerySet({ type: 'timestamp', count: 2 });
  const { QUERY_RESOLVE, COPY_SRC, COPY_DST, MAP_READ } = GPUBufferUsage;
  const resolved = device.createBuffer('staging', 16, QUERY_RESOLVE | COPY_SRC, 'timestamps');
  const out = device.createBuffer('staging', 16, MAP_READ | COPY_DST, 'timestamps out');
  try {
    const encoder = device.raw.createCommandEncoder();
    const timestampWrites = { querySet: queries, beginningOfPassWriteIndex: 0, endOfPassWriteIndex: 1 };
    const pass = encoder.beginComputePass({ timestampWrites });
    for (let i = 0; i < times; i++) {
      for (const { pipeline, group, grid } of list.segments.flat()) {
        pass.setPipeline(pipeline);
        pass.setBindGroup(0, group);
        pass.dispatchWorkgroups(...grid);
      }
    }
    pass.end();
    encoder.resolveQuerySet(queries, 0, 2, resolved, 0);
    encoder.copyBufferToBuffer(resolved, 0, out, 0, 16);
    device.raw.queue.submit([encoder.finish()]);
    await device.until(out.mapAsync(GPUMapMode.READ));
    const [from, to] = new BigUint64Array(out.getMappedRange());
    return to! > from! ? Number(to! - from!) / 1e6 : undefined;
  } finally {
    queries.destroy();
    device.destroyBuffer(resolved);
    device.destroyBuffer(out);
  }
}
