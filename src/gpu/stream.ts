/**
 * The only file that touches the GPU queue. Lists of dispatches are prepared once (pipelines, bind groups, uniforms) and
 * replayed; work is collected in one open encoder until `flush` or a read. Every call keeps the order it was made in.
 */
import { KernelError } from '../errors';
import { Trace } from '../trace/trace';
import type { GpuDevice } from './device';
import type { Instr, Place, Tensor } from './instr';
import type { Params } from './kernel';
import { choose, pipelineFor } from './pipeline';
import { Profiler } from './profile';
import { StagingPool } from './staging';
import { UniformArena, type UniformSlot } from './uniforms';

type Run = Extract<Instr, { do: 'run' }>;

export interface Dispatch {
  readonly pipeline: GPUComputePipeline;
  readonly group: GPUBindGroup;
  readonly grid: readonly [number, number, number];
  readonly uniform: UniformSlot;
  /** For the trace: the kernel's file and the floating point operations of one dispatch. */
  readonly name: string;
  readonly flops: number;
  /** Bytes of the tensors it binds: the least memory traffic it causes. */
  readonly bytes: number;
}

/** A tape's list, ready to replay. `collectives[i]` is due after `segments[i]`, so there is one more segment. */
export interface PreparedList {
  readonly label: string;
  readonly segments: readonly (readonly Dispatch[])[];
  readonly collectives: readonly { readonly op: 'sum' | 'max'; readonly place: Place }[];
}

export class Stream {
  readonly #uniforms: UniformArena;
  readonly #staging: StagingPool;
  readonly #zeros = new Map<string, GPUBuffer>();
  readonly #tables: GPUBuffer[] = [];
  #encoder: GPUCommandEncoder | undefined;
  #pass: GPUComputePassEncoder | undefined;
  #profiler: Profiler | undefined;
  #closed = false;

  constructor(
    readonly device: GpuDevice,
    readonly trace: Trace = new Trace(),
  ) {
    this.#uniforms = new UniformArena(device);
    this.#staging = new StagingPool(device);
  }

  /** Compile and bind a list. `placeOf` says where each tensor lives. Rejects with KernelError for a bad binding. */
  async prepare(instrs: readonly Instr[], placeOf: (tensor: Tensor) => Place, label: string): Promise<PreparedList> {
    const segments: Promise<Dispatch | undefined>[][] = [[]];
    const collectives: { op: 'sum' | 'max'; place: Place }[] = [];
    for (const instr of instrs) {
      if (instr.do === 'run') {
        segments.at(-1)!.push(this.#bind(instr, placeOf, label));
      } else {
        collectives.push({ op: instr.op, place: placeOf(instr.tensor) });
        segments.push([]);
      }
    }
    const all = await Promise.all(segments.map((dispatches) => Promise.all(dispatches)));
    return { label, segments: all.map((dispatches) => dispatches.filter((one) => one !== undefined)), collectives };
  }

  /** Append a list to the open encoder. A list with collectives is encoded segment by segment, with its index. */
  encode(list: PreparedList, segment?: number): void {
    if (segment === undefined && list.collectives.length > 0) {
      throw new KernelError(`list ${list.label} has ${list.collectives.length} collectives: encode it by segment`);
    }
    const dispatches = list.segments[segment ?? 0];
    if (!dispatches) throw new KernelError(`list ${list.label} has no segment ${segment}`);
    for (const dispatch of dispatches) this.#dispatch(dispatch);
  }

  /** Set params in every dispatch of the list that has them, for all later encodes. */
  setParams(list: PreparedList, values: Params): void {
    // writeBuffer runs before work that is encoded but not submitted, and that work must run with the old values.
    this.flush();
    for (const dispatches of list.segments) for (const { uniform } of dispatches) this.#uniforms.write(uniform, values);
  }

  /** Copy `from` over `to`: same number of floats, different buffers. */
  copy(from: Place, to: Place): void {
    if (from.floats !== to.floats) throw new KernelError(`cannot copy ${from.floats} floats over ${to.floats}`);
    this.#outsidePass().copyBufferToBuffer(from.buffer, from.at * 4, to.buffer, to.at * 4, from.floats * 4);
  }

  /** Fill with zeros. */
  clear(place: Place): void {
    this.#outsidePass().clearBuffer(place.buffer, place.at * 4, place.floats * 4);
  }

  /** Write host numbers. Encoded work is submitted first, so that it still sees the old ones. */
  write(place: Place, data: Float32Array | Uint32Array): void {
    if (data.length !== place.floats) throw new KernelError(`cannot write ${data.length} numbers to ${place.floats}`);
    this.flush();
    this.#checkOpen();
    this.device.raw.queue.writeBuffer(place.buffer, place.at * 4, data.buffer, data.byteOffset, data.byteLength);
  }

  /** Submit what is encoded and read one place. `into` is filled and returned where given. Rejects with DeviceLost. */
  async read(place: Place, into = new Float32Array(place.floats)): Promise<Float32Array> {
    await this.readMany([place], [into]);
    return into;
  }

  /** Like `read` for several places with one staging buffer and one wait. The arrays of `into` are filled in order. */
  async readMany(
    places: readonly Place[],
    into = places.map((place) => new Float32Array(place.floats)),
  ): Promise<readonly Float32Array[]> {
    const bytes = places.reduce((total, place) => total + place.floats * 4, 0);
    const encoder = this.#outsidePass();
    const staging = this.#staging.take(bytes);
    let at = 0;
    for (const { buffer, at: from, floats } of places) {
      encoder.copyBufferToBuffer(buffer, from * 4, staging, at, floats * 4);
      at += floats * 4;
    }
    this.flush();
    await this.#staging.map(staging, bytes);
    at = 0;
    const mapped = staging.getMappedRange(0, bytes);
    places.forEach(({ floats }, i) => {
      into[i]!.set(new Float32Array(mapped, at, floats));
      at += floats * 4;
    });
    this.#staging.giveBack(staging);
    this.device.check();
    return into;
  }

  /** Constants in a buffer of their own, which lives as long as the stream. */
  table(values: Uint32Array<ArrayBuffer>): Place {
    const buffer = this.device.createStorage('staging', values.byteLength, 'table');
    this.#tables.push(buffer);
    this.device.raw.queue.writeBuffer(buffer, 0, values);
    return { buffer, at: 0, floats: values.length };
  }

  /** Submit what is encoded, if anything. Throws the device's first unreported error. */
  flush(): void {
    if (!this.#encoder) return;
    this.#endPass();
    this.#profiler?.resolve(this.#encoder);
    this.device.check();
    this.device.raw.queue.submit([this.#encoder.finish()]);
    this.device.counters.submits++;
    this.#encoder = undefined;
  }

  /** Time every dispatch from here on (each in a pass of its own: slower). Throws KernelError without timestamp queries. */
  startProfile(): void {
    this.flush();
    this.#profiler = new Profiler(this.device);
  }

  /** Emit one 'gpu' trace event per profiled dispatch, and stop profiling. */
  async stopProfile(): Promise<void> {
    this.flush();
    const profiler = this.#profiler;
    this.#profiler = undefined;
    await profiler?.emit(this.trace);
  }

  /**
   * Destroy uniform, staging, table and zero buffers. Prepared lists are invalid afterwards, and later calls throw
   * KernelError: work that ends after its rank was given up must not touch destroyed buffers.
   */
  close(): void {
    this.#closed = true;
    this.#encoder = undefined;
    this.#pass = undefined;
    this.#uniforms.close();
    this.#staging.close();
    for (const buffer of [...this.#zeros.values(), ...this.#tables]) this.device.destroyBuffer(buffer);
    this.#zeros.clear();
    this.#tables.length = 0;
  }

  /** Undefined for a dispatch that is left out on this device: its kernel is not compiled either. */
  async #bind(run: Run, placeOf: (tensor: Tensor) => Place, label: string): Promise<Dispatch | undefined> {
    const { kernel } = run;
    const where = `${kernel.file} in ${label}`;
    const places = new Map(Object.entries(run.bind).map(([name, tensor]) => [name, placeOf(tensor)]));
    const params: Record<string, number> = { ...run.params };
    for (const [name, place] of places) {
      if (`${name}At` in kernel.params) params[`${name}At`] ??= place.at;
      else if (place.at !== 0)
        throw new KernelError(`${where}: ${name} begins at ${place.at} and the kernel has no ${name}At`);
    }
    for (const [name, tensor] of Object.entries(run.at ?? {})) params[name] = placeOf(tensor).at;
    for (const name of kernel.optional ?? []) if (`${name}At` in kernel.params) params[`${name}At`] ??= 0;
    const choice = choose(this.device, kernel, run.knobs, params);
    const names = [...kernel.reads, ...kernel.writes];
    const buffers = names.map((name) => places.get(name)?.buffer ?? this.#zero(run, name, where));
    for (const name of places.keys()) {
      if (!names.includes(name))
        throw new KernelError(`${where}: there is no binding ${name}; it has ${names.join(' ')}`);
    }
    buffers.slice(kernel.reads.length).forEach((written, i) => {
      const other = buffers.findIndex((buffer, j) => buffer === written && j !== kernel.reads.length + i);
      if (other >= 0) throw new KernelError(`${where}: ${kernel.writes[i]} and ${names[other]} are in one buffer`);
    });
    const grid = gridOf(
      kernel.grid(params, choice.knobs),
      this.device.raw.limits.maxComputeWorkgroupsPerDimension,
      where,
    );
    if (grid[0] === 0) return undefined;
    const uniform = this.#uniforms.take(kernel, params, where);
    const pipeline = await pipelineFor(this.device, kernel, choice);
    const group = this.device.raw.createBindGroup({
      label: where,
      layout: pipeline.layout,
      entries: [...buffers.map((buffer) => ({ buffer })), uniform.binding].map((resource, binding) => ({
        binding,
        resource,
      })),
    });
    const bytes = [...places.values()].reduce((sum, { floats }) => sum + 4 * floats, 0);
    const flops = kernel.flops?.(params, choice.knobs) ?? 0;
    return { pipeline: pipeline.raw, group, grid, uniform, name: choice.file, flops, bytes };
  }

  /** The buffer for an optional binding that is left out. Reads share one buffer; each written binding has its own. */
  #zero(run: Run, name: string, where: string): GPUBuffer {
    if (!run.kernel.optional?.includes(name)) throw new KernelError(`${where}: binding ${name} is missing`);
    const key = run.kernel.reads.includes(name) ? 'reads' : name;
    const buffer = this.#zeros.get(key) ?? this.device.createStorage('staging', 16, `zero ${key}`);
    this.#zeros.set(key, buffer);
    return buffer;
  }

  #checkOpen(): void {
    if (this.#closed) throw new KernelError('this stream is closed: its rank was given up');
  }

  #dispatch(dispatch: Dispatch): void {
    this.#checkOpen();
    this.#encoder ??= this.device.raw.createCommandEncoder();
    if (this.#profiler) {
      this.#endPass();
      this.#pass = this.#profiler.begin(this.#encoder, dispatch);
    }
    this.#pass ??= this.#encoder.beginComputePass();
    this.#pass.setPipeline(dispatch.pipeline);
    this.#pass.setBindGroup(0, dispatch.group);
    this.#pass.dispatchWorkgroups(...dispatch.grid);
    this.device.counters.dispatches++;
  }

  #outsidePass(): GPUCommandEncoder {
    this.#checkOpen();
    this.#encoder ??= this.device.raw.createCommandEncoder();
    this.#endPass();
    return this.#encoder;
  }

  #endPass(): void {
    this.#pass?.end();
    this.#pass = undefined;
  }
}

function gridOf(grid: readonly [number, number?, number?], limit: number, where: string): [number, number, number] {
  const [x, y = 1, z = 1] = grid;
  if (Math.max(x, y, z) > limit) {
    throw new KernelError(`${where}: ${x} x ${y} x ${z} workgroups exceed the device's ${limit} per dimension`);
  }
  return [x, y, z];
}
