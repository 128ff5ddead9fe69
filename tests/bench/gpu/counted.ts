/**
 * Counts the calls on every GPUDevice of the page by patching WebGPU's prototypes, in the same way for all libraries.
 * Live bytes are those of buffers created and not destroyed; a library's own figure is not used.
 */
export interface Counts {
  dispatches: number;
  submits: number;
  buffers: number;
  writes: number;
  liveBytes: number;
  peakBytes: number;
}

const byDevice = new Map<GPUDevice, Counts>();
const ofQueue = new WeakMap<GPUQueue, GPUDevice>();
const ofEncoder = new WeakMap<GPUCommandEncoder, GPUDevice>();
const ofPass = new WeakMap<GPUComputePassEncoder, GPUDevice>();
const ofBuffer = new WeakMap<GPUBuffer, GPUDevice>();

export function countsOf(device: GPUDevice): Counts {
  let counts = byDevice.get(device);
  if (!counts) {
    counts = { dispatches: 0, submits: 0, buffers: 0, writes: 0, liveBytes: 0, peakBytes: 0 };
    byDevice.set(device, counts);
    ofQueue.set(device.queue, device);
  }
  return counts;
}

/** Calls `after` with this, the result and the arguments of every call of a method. */
function patch<T extends object, K extends keyof T>(
  prototype: T,
  method: K,
  after: (self: T, result: unknown, args: readonly unknown[]) => void,
): void {
  const original = prototype[method] as (...args: unknown[]) => unknown;
  const patched = function (this: T, ...args: unknown[]) {
    const result = original.apply(this, args);
    after(this, result, args);
    return result;
  };
  prototype[method] = patched as T[K];
}

/** Begin to count. Called once, before any device is opened. */
export function startCounting(): void {
  const add = (device: GPUDevice | undefined, what: 'dispatches' | 'submits' | 'writes') => {
    if (device) countsOf(device)[what]++;
  };
  patch(GPUAdapter.prototype, 'requestDevice', (_, result) => {
    (result as Promise<GPUDevice>).then(countsOf, () => undefined);
  });
  patch(GPUDevice.prototype, 'createBuffer', (device, result) => {
    const buffer = result as GPUBuffer;
    const counts = countsOf(device);
    ofBuffer.set(buffer, device);
    counts.buffers++;
    counts.liveBytes += buffer.size;
    counts.peakBytes = Math.max(counts.peakBytes, counts.liveBytes);
  });
  patch(GPUBuffer.prototype, 'destroy', (buffer) => {
    const device = ofBuffer.get(buffer);
    if (device) countsOf(device).liveBytes -= buffer.size;
    ofBuffer.delete(buffer);
  });
  patch(GPUDevice.prototype, 'createCommandEncoder', (device, result) => {
    ofEncoder.set(result as GPUCommandEncoder, device);
  });
  patch(GPUCommandEncoder.prototype, 'beginComputePass', (encoder, result) => {
    const device = ofEncoder.get(encoder);
    if (device) ofPass.set(result as GPUComputePassEncoder, device);
  });
  patch(GPUComputePassEncoder.prototype, 'dispatchWorkgroups', (pass) => add(ofPass.get(pass), 'dispatches'));
  patch(GPUComputePassEncoder.prototype, 'dispatchWorkgroupsIndirect', (pass) => add(ofPass.get(pass), 'dispatches'));
  patch(GPUQueue.prototype, 'submit', (queue) => add(ofQueue.get(queue), 'submits'));
  patch(GPUQueue.prototype, 'writeBuffer', (queue) => add(ofQueue.get(queue), 'writes'));
}
