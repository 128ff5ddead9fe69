/**
 * onnxruntime-web with its WebGPU provider in the bench: matrix products only, since it does not train. One Gemm per
 * session; operands and result stay on the device. The model is a few bytes of protobuf, written here.
 */

import * as ort from 'onnxruntime-web/webgpu';
import { noise } from '../../../src/gpu/noise';
import type { Multiplier, Peer } from './peer';
import { type LinearShape, type Product, productOf } from './shapes';

export const onnx = { name: 'onnxruntime-web', multiplier } satisfies Peer;

type Bytes = readonly number[];

function varint(value: number): Bytes {
  return value < 128 ? [value] : [(value & 127) | 128, ...varint(Math.floor(value / 128))];
}
const int = (field: number, value: number): Bytes => [...varint(field << 3), ...varint(value)];
const block = (field: number, body: Bytes): Bytes => [...varint((field << 3) | 2), ...varint(body.length), ...body];
const text = (field: number, value: string): Bytes => block(field, [...new TextEncoder().encode(value)]);

/** A named f32 array [rows, columns] (ValueInfoProto). */
function value(name: string, shape: readonly number[]): Bytes {
  const dims = shape.flatMap((size) => block(1, int(1, size)));
  return [...text(1, name), ...block(2, block(1, [...int(1, 1), ...block(2, dims)]))];
}

/** An ONNX model of one Gemm: out = op(a) op(b). */
function gemm({ M, N, TA, TB, aShape, bShape }: ReturnType<typeof productOf>): Uint8Array {
  const flag = (name: string, on: number) => block(5, [...text(1, name), ...int(3, on), ...int(20, 2)]);
  const names = [...text(1, 'a'), ...text(1, 'b'), ...text(2, 'out')];
  const node = [...names, ...text(4, 'Gemm'), ...flag('transA', TA), ...flag('transB', TB)];
  const values = [
    ...block(11, value('a', aShape)),
    ...block(11, value('b', bShape)),
    ...block(12, value('out', [M, N])),
  ];
  const graph = [...block(1, node), ...text(2, 'g'), ...values];
  return Uint8Array.from([...int(1, 8), ...block(7, graph), ...block(8, int(2, 13))]);
}

async function multiplier(linear: LinearShape, product: Product): Promise<Multiplier> {
  ort.env.wasm.wasmPaths = '/ort/';
  ort.env.wasm.numThreads = 1;
  const sizes = productOf(linear, product);
  const { M, N, K, aShape, bShape } = sizes;
  const options = { executionProviders: ['webgpu'], preferredOutputLocation: 'gpu-buffer' } as const;
  const session = await ort.InferenceSession.create(gemm(sizes), options);
  const device = await ort.env.webgpu.device;
  const onDevice = (data: Float32Array<ArrayBuffer>, dims: readonly number[]) => {
    const usage = GPUBufferUsage.STORAGE | GPUBufferUsage.COPY_DST | GPUBufferUsage.COPY_SRC;
    const buffer = device.createBuffer({ size: data.byteLength, usage });
    device.queue.writeBuffer(buffer, 0, data);
    return { buffer, tensor: ort.Tensor.fromGpuBuffer(buffer, { dataType: 'float32', dims: [...dims] }) };
  };
  const [a, b] = [onDevice(noise(M * K, 1), aShape), onDevice(noise(N * K, 2), bShape)];
  const out = onDevice(new Float32Array(M * N), [M, N]);
  const multiply = () => session.run({ a: a.tensor, b: b.tensor }, { out: out.tensor });
  return {
    device,
    run: async (times) => {
      for (let i = 0; i < times; i++) await multiply();
      await device.queue.onSubmittedWorkDone();
    },
    result: async () => {
      await multiply();
      const size = 4 * M * N;
      const staging = device.createBuffer({ size, usage: GPUBufferUsage.MAP_READ | GPUBufferUsage.COPY_DST });
      const encoder = device.createCommandEncoder();
      encoder.copyBufferToBuffer(out.buffer, 0, staging, 0, size);
      device.queue.submit([encoder.finish()]);
      await staging.mapAsync(GPUMapMode.READ);
      const values = new Float32Array(staging.getMappedRange().slice(0));
      staging.destroy();
      return values;
    },
    close: () => {
      for (const { buffer } of [a, b, out]) buffer.destroy();
      session.release().catch(() => undefined);
    },
  };
}
