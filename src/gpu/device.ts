/**
 * Opens the GPU and counts what is asked of it: live bytes by role, buffers, dispatches, submits. Nothing else in the
 * product calls requestDevice or createBuffer. `probe` asks for an adapter only, so it does no GPU work.
 */
import { CapabilityError, DeviceLost, KernelError } from '../errors';
import type { MemoryByRole } from './instr';
import { Poll } from './poll';

/** Storage buffers that the largest kernel binds. WebGPU's default limit, so only a broken adapter has fewer. */
const STORAGE_BUFFERS_NEEDED = 8;
/** A browser that has just started may give no adapter for some seconds. */
const ADAPTER_ATTEMPTS = 12;
const ADAPTER_PAUSE_MS = 250;
const WANTED_FEATURES: readonly GPUFeatureName[] = ['timestamp-query', 'shader-f16', 'subgroups'];

/** Precision of the operands of matrix products: unchanged (f32), or rounded to the 11 bits of f16. */
export type MatmulPrecision = 'f32' | 'f16';

interface AdapterReport {
  /** Vendor, architecture and description, as the browser gives them. */
  readonly adapter: string;
  /** True if a processor does the work of a GPU: training works, but slowly. */
  readonly software: boolean;
  readonly maxBufferBytes: number;
}

/** What was asked of the device since it was opened. */
interface GpuCounters {
  dispatches: number;
  submits: number;
  buffersCreated: number;
}

/** Check whether this device can take part, without any GPU work. Throws CapabilityError with the way out. */
export async function probe(gpu: GPU | undefined = globalThis.navigator?.gpu): Promise<AdapterReport> {
  return report(await findAdapter(gpu));
}

/** Open the device with all the adapter offers. Throws CapabilityError when there is none; the caller closes it. */
export async function openDevice(gpu: GPU | undefined = globalThis.navigator?.gpu): Promise<GpuDevice> {
  const adapter = await findAdapter(gpu);
  const device = await adapter.requestDevice({
    label: 'tabtrain',
    requiredFeatures: WANTED_FEATURES.filter((feature) => adapter.features.has(feature)),
    requiredLimits: limitsOf(adapter),
  });
  return new GpuDevice(device, report(adapter));
}

async function findAdapter(gpu: GPU | undefined): Promise<GPUAdapter> {
  if (!gpu) {
    if (globalThis.isSecureContext === false) {
      throw new CapabilityError(
        'E-INSECURE',
        'WebGPU is switched off because this page came over plain http: open it by https or on localhost.',
      );
    }
    throw new CapabilityError(
      'E-NO-WEBGPU',
      'This browser has no WebGPU: use a recent Chrome, Edge, Safari 26 or Firefox 141 and newer.',
    );
  }
  for (let attempt = 0; attempt < ADAPTER_ATTEMPTS; attempt++) {
    if (attempt > 0) await new Promise((resolve) => setTimeout(resolve, ADAPTER_PAUSE_MS));
    const adapter = await gpu.requestAdapter({ powerPreference: 'high-performance' });
    if (adapter) return checked(adapter);
  }
  throw new CapabilityError(
    'E-NO-ADAPTER',
    'The browser found no graphics adapter: switch hardware acceleration on in its settings and restart it.',
  );
}

function checked(adapter: GPUAdapter): GPUAdapter {
  const has = adapter.limits.maxStorageBuffersPerShaderStage;
  if (has >= STORAGE_BUFFERS_NEEDED) return adapter;
  throw new CapabilityError(
    'E-LIMITS',
    `The graphics adapter binds ${has} storage buffers and ${STORAGE_BUFFERS_NEEDED} are needed: use another device.`,
  );
}

function report(adapter: GPUAdapter): AdapterReport {
  const { vendor, architecture, description, isFallbackAdapter } = adapter.info;
  const name = [vendor, architecture, description].filter(Boolean).join(' ') || 'unnamed adapter';
  return {
    adapter: name,
    software: isFallbackAdapter || /swiftshader|llvmpipe|lavapipe|basic render/i.test(name),
    maxBufferBytes: Math.min(adapter.limits.maxBufferSize, adapter.limits.maxStorageBufferBindingSize),
  };
}

/** All limits of the adapter; GPUSupportedLimits keeps them as getters of its prototype. */
function limitsOf(adapter: GPUAdapter): Record<string, number> {
  const limits: Record<string, number> = {};
  for (const name in adapter.limits) {
    const value = adapter.limits[name as keyof GPUSupportedLimits];
    if (typeof value === 'number') limits[name] = value;
  }
  return limits;
}

/** Dawn in Node has no global class of this name. */
const isOutOfMemory = (error: GPUError) =>
  typeof GPUOutOfMemoryError !== 'undefined' && error instanceof GPUOutOfMemoryError;

/** An open device. Its buffers are created and destroyed here, so that the bytes of every role are known. */
export class GpuDevice {
  readonly counters: GpuCounters = { dispatches: 0, submits: 0, buffersCreated: 0 };
  /** Resolves once with the reason when the device is gone, also after `close`. */
  readonly lost: Promise<DeviceLost>;
  /** The autotuner's choices by `tuneKey`; empty where nothing was measured. */
  readonly picks = new Map<string, string>();
  readonly #bytes: MemoryByRole = { param: 0, grad: 0, moment: 0, saved: 0, scratch: 0, staging: 0 };
  readonly #roles = new Map<GPUBuffer, keyof MemoryByRole>();
  #matmulPrecision: MatmulPrecision = 'f32';
  #failure: Error | undefined;
  readonly #poll: Poll;

  constructor(
    readonly raw: GPUDevice,
    readonly report: AdapterReport,
  ) {
    this.#poll = new Poll(raw.queue);
    this.lost = raw.lost.then((info) => {
      const error = new DeviceLost(`the graphics device was lost (${info.reason}): ${info.message}`);
      this.#failure ??= error;
      return error;
    });
    raw.addEventListener('uncapturederror', (event) => {
      // The first error is the cause, later ones are its consequences.
      this.#failure ??= new KernelError(
        isOutOfMemory(event.error)
          ? `the graphics memory is full (${event.error.message}): use a smaller model or batch, or close other tabs`
          : `the graphics device refused a command: ${event.error.message}`,
      );
    });
  }

  /** Throw the device's first error, if any: DeviceLost or KernelError. Called before submits and after reads. */
  check(): void {
    if (this.#failure) throw this.#failure;
  }

  /** Await a promise of this device. Also in Firefox it resolves without delay (poll.ts). */
  until<T>(done: Promise<T>): Promise<T> {
    return this.#poll.until(done);
  }

  /** Resolves when all work submitted so far is done. Rejects when the device is lost. */
  async workDone(): Promise<void> {
    await this.until(this.raw.queue.onSubmittedWorkDone());
  }

  get matmulPrecision(): MatmulPrecision {
    return this.#matmulPrecision;
  }

  /**
   * Set the precision for kernels that are prepared from now on. Throws CapabilityError for f16 if the adapter has no
   * shader-f16.
   */
  askMatmulPrecision(precision: MatmulPrecision): void {
    if (precision === 'f16' && !this.raw.features.has('shader-f16')) {
      throw new CapabilityError(
        'E-NO-F16',
        `The run asks for train.matmulPrecision f16 and the graphics adapter ${this.report.adapter} has no shader-f16: leave the field out or set it to f32.`,
      );
    }
    this.#matmulPrecision = precision;
  }

  /** Live bytes by role. Uniforms and small zero buffers count as staging. */
  get memory(): MemoryByRole {
    return { ...this.#bytes };
  }

  /** A zero-filled buffer of at least `sizeBytes`, rounded up to 4. Throws KernelError above the device's limit. */
  createBuffer(role: keyof MemoryByRole, sizeBytes: number, usage: GPUBufferUsageFlags, label: string): GPUBuffer {
    const size = Math.max(4, Math.ceil(sizeBytes / 4) * 4);
    if (size > this.report.maxBufferBytes) {
      throw new KernelError(
        `buffer ${label} needs ${size} bytes and this device allows ${this.report.maxBufferBytes}: use a smaller model or batch`,
      );
    }
    const buffer = this.raw.createBuffer({ size, usage, label });
    this.counters.buffersCreated++;
    this.#roles.set(buffer, role);
    this.#bytes[role] += size;
    return buffer;
  }

  /** A storage buffer for tensors; it can be copied from and to. */
  createStorage(role: keyof MemoryByRole, sizeBytes: number, label: string): GPUBuffer {
    const usage = GPUBufferUsage.STORAGE | GPUBufferUsage.COPY_SRC | GPUBufferUsage.COPY_DST;
    return this.createBuffer(role, sizeBytes, usage, label);
  }

  destroyBuffer(buffer: GPUBuffer): void {
    const role = this.#roles.get(buffer);
    if (!role) throw new KernelError(`buffer ${buffer.label} is not of this device or was destroyed before`);
    this.#roles.delete(buffer);
    this.#bytes[role] -= buffer.size;
    buffer.destroy();
  }

  /** Destroy every buffer and the device. Pending reads reject with DeviceLost. */
  close(): void {
    for (const buffer of [...this.#roles.keys()]) this.destroyBuffer(buffer);
    this.raw.destroy();
  }
}
