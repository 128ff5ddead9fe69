/** The part of the peers' types that the bench uses; the packages are there only once the bench has installed them. */

declare module '@jax-js/jax' {
  export interface NdArray {
    readonly ref: NdArray;
    add(other: NdArray | number): NdArray;
    sub(other: NdArray | number): NdArray;
    mul(other: NdArray | number): NdArray;
    div(other: NdArray | number): NdArray;
    sum(): NdArray;
    reshape(shape: number[]): NdArray;
    transpose(): NdArray;
    data(): Promise<Float32Array>;
    dispose(): void;
  }
  type Owned<F> = F & { dispose(): void };
  export function init(...devices: string[]): Promise<string[]>;
  export function defaultDevice(device: string): void;
  export function getWebGPUDevice(): GPUDevice;
  export function blockUntilReady(tree: unknown): Promise<unknown>;
  export function jit<F>(f: F): Owned<F>;
  export function valueAndGrad<A extends readonly unknown[]>(
    f: (...args: A) => NdArray,
  ): (...args: A) => [NdArray, unknown];
  export const numpy: {
    readonly int32: string;
    array(values: Float32Array | Int32Array, options?: { dtype: string }): NdArray;
    matmul(x: NdArray, y: NdArray): NdArray;
    sqrt(x: NdArray): NdArray;
    split(x: NdArray, sections: number, axis?: number): NdArray[];
  };
  export const nn: {
    oneHot(x: NdArray, classes: number): NdArray;
    gelu(x: NdArray): NdArray;
    logSoftmax(x: NdArray, axis: number): NdArray;
    standardize(x: NdArray, axis: number, options: { epsilon: number }): NdArray;
    dotProductAttention(q: NdArray, k: NdArray, v: NdArray, options: { isCausal: boolean }): NdArray;
  };
}

declare module '@tensorflow/tfjs-backend-webgpu' {}

declare module '@tensorflow/tfjs-core/dist/register_all_gradients' {}

declare module '@tensorflow/tfjs-core' {
  export interface Tensor {
    data(): Promise<Float32Array>;
    dispose(): void;
  }
  export interface Variable extends Tensor {
    readonly name: string;
    assign(value: Tensor): void;
  }
  export interface WebGPUBackend {
    readonly device: GPUDevice;
    submitQueue(): void;
  }
  type Given = Tensor | number;
  export function setBackend(name: string): Promise<boolean>;
  export function ready(): Promise<void>;
  export function backend(): unknown;
  export function tensor(values: Float32Array, shape: number[]): Tensor;
  export function tensor1d(values: Int32Array, type: string): Tensor;
  export function variable(value: Tensor, trainable: boolean, name?: string): Variable;
  export function zeros(shape: number[]): Tensor;
  export function oneHot(x: Tensor, depth: number, on: number, off: number, type: string): Tensor;
  export function tidy<T>(body: () => T): T;
  export function variableGrads(body: () => Tensor): { value: Tensor; grads: Readonly<Record<string, Tensor>> };
  export function add(x: Given, y: Given): Tensor;
  export function sub(x: Given, y: Given): Tensor;
  export function mul(x: Given, y: Given): Tensor;
  export function div(x: Given, y: Given): Tensor;
  export function sum(x: Tensor): Tensor;
  export function square(x: Tensor): Tensor;
  export function sqrt(x: Tensor): Tensor;
  export function rsqrt(x: Tensor): Tensor;
  export function tanh(x: Tensor): Tensor;
  export function softmax(x: Tensor): Tensor;
  export function logSoftmax(x: Tensor): Tensor;
  export function moments(x: Tensor, axis: number, keepDims: boolean): { mean: Tensor; variance: Tensor };
  export function matMul(x: Tensor, y: Tensor, transposeX?: boolean, transposeY?: boolean): Tensor;
  export function reshape(x: Tensor, shape: number[]): Tensor;
  export function transpose(x: Tensor, order: number[]): Tensor;
  export function split(x: Tensor, sections: number, axis: number): Tensor[];
}

declare module 'onnxruntime-web/webgpu' {
  export const env: {
    readonly wasm: { wasmPaths: string; numThreads: number };
    readonly webgpu: { readonly device: Promise<GPUDevice> };
  };
  export interface OnDevice {
    readonly dims: readonly number[];
  }
  export const Tensor: {
    fromGpuBuffer(buffer: GPUBuffer, options: { dataType: string; dims: number[] }): OnDevice;
  };
  interface Session {
    run(feeds: Record<string, OnDevice>, fetches: Record<string, OnDevice>): Promise<unknown>;
    release(): Promise<void>;
  }
  export const InferenceSession: {
    create(
      model: Uint8Array,
      options: { executionProviders: readonly string[]; preferredOutputLocation: string },
    ): Promise<Session>;
  };
}
