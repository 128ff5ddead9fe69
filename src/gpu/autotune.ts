/**
 * Chooses the variant of each dispatch by measuring on this device, on made-up numbers, the at most four that its sizes
 * suggest. A variant must agree with the reference; the fastest that does is chosen. Measuring has a time limit; choices are kept in a store by
 * adapter and sizes. A variant that adds in another order gives other bits: it is left out where ranks compute the same
 * values (`sameBits`).
 */
import type { Trace } from '../trace/trace';
import type { GpuDevice } from './device';
import { gpuMs } from './gputime';
import type { Instr, Place, Tensor } from './instr';
import { floatsIn } from './memory';
import { noise } from './noise';
import { type Candidate, candidates, pipelineKey, tuneKey } from './pipeline';
import { type PreparedList, Stream } from './stream';

/** A store that outlives the process: IndexedDB in a tab, a file in Node. */
export interface TuneStore {
  get(key: string): Promise<string | undefined>;
  set(key: string, value: string): Promise<void>;
}

interface TuneOptions {
  readonly trace: Trace;
  readonly store?: TuneStore;
  /** Time limit for measuring. Dispatches that are left run their default until the next call of `tune`. */
  readonly budgetMs?: number;
  /** Other ranks compute some of the same values (tensor parallelism), so all must add in one order. */
  readonly sameBits: boolean;
}

type Run = Extract<Instr, { do: 'run' }>;

const BUDGET_MS = 3000;
/** Allowed difference over the largest element. Orders of additions differ by far less, wrong kernels by far more. */
const AGREE = 1e-3;
/** One timing takes about this long, so that the resolution of the clock does not matter. */
const TIMING_MS = 4;
const TIMINGS = 3;
const LARGEST_BYTES = 256 << 20;

/** Set `device.picks` for the dispatches of `lists`. Does not reject for a bad variant, but does not choose it. */
export async function tune(device: GpuDevice, lists: Iterable<readonly Instr[]>, options: TuneOptions): Promise<void> {
  device.picks.clear();
  const until = performance.now() + (options.budgetMs ?? BUDGET_MS);
  for (const [key, run] of mostWorkFirst(device, lists)) {
    const all = candidates(device, run.kernel, run.knobs, run.params);
    const open = all.filter(({ reordered }) => !reordered || !options.sameBits);
    if (open.length < 2) continue;
    const stored = `${device.report.adapter} | ${open.map(({ file, knobs }) => pipelineKey({ file, knobs })).join(' ')} | ${key}`;
    const known = await options.store?.get(stored);
    const pick = open.find((candidate) => nameOf(candidate) === known) ?? (await fastest(device, run, open, until));
    if (!pick) continue;
    device.picks.set(key, nameOf(pick));
    options.trace.instant('host', `variant ${key}: ${nameOf(pick)}`);
    if (nameOf(pick) !== known) await options.store?.set(stored, nameOf(pick));
  }
}

/**
 * Each dispatch once. Those with the most operations in `lists` come first, because the time may not suffice for all.
 */
function mostWorkFirst(
  device: GpuDevice,
  lists: Iterable<readonly Instr[]>,
): readonly (readonly [key: string, run: Run])[] {
  const runs = new Map<string, { readonly run: Run; flops: number }>();
  for (const list of lists) {
    for (const line of list) {
      if (line.do !== 'run') continue;
      const key = tuneKey(line.kernel, line.knobs, line.params);
      const entry = runs.get(key) ?? { run: line, flops: 0 };
      const [guess] = candidates(device, line.kernel, line.knobs, line.params);
      entry.flops += line.kernel.flops?.(line.params, guess!.knobs) ?? 0;
      runs.set(key, entry);
    }
  }
  const sorted = [...runs].sort(([, a], [, b]) => b.flops - a.flops);
  return sorted.map(([key, { run }]) => [key, run]);
}

const nameOf = (candidate: Candidate): string => pipelineKey({ file: candidate.file, knobs: candidate.knobs });

/** The fastest candidate that agrees with variants[0]; undefined if time was short or the tensors are too large. */
async function fastest(device: GpuDevice, run: Run, open: readonly Candidate[], until: number) {
  const bytes = Object.values(run.bind).reduce((sum, tensor) => sum + 4 * floatsIn(tensor), 0);
  if (bytes > LARGEST_BYTES || performance.now() > until) return undefined;
  const bench = new VariantBench(device, run);
  try {
    const expected = await bench.results(await bench.prepare(reference(run, open)));
    let best: { readonly candidate: Candidate; readonly ms: number } | undefined;
    for (const candidate of open) {
      if (performance.now() > until) return undefined;
      const list = await bench.prepare(candidate).catch(() => undefined);
      if (!list || !agree(await bench.results(list), expected)) continue;
      const ms = await bench.time(list);
      if (!best || ms < best.ms) best = { candidate, ms };
    }
    return best?.candidate;
  } finally {
    bench.close();
  }
}

/** What the others must agree with: variants[0], or the first guess where that does not run on this device. */
function reference({ kernel }: Run, open: readonly Candidate[]): Candidate {
  const [first] = open;
  if (first?.alone) return first;
  return { file: kernel.file, knobs: kernel.variants[0]!, reordered: false, alone: false };
}

/** True if all outputs agree. Plain loops, because outputs of large models have tens of millions of elements. */
function agree(got: readonly Float32Array[], expected: readonly Float32Array[]): boolean {
  return expected.every((want, i) => {
    const values = got[i]!;
    let largest = 0;
    for (let k = 0; k < want.length; k++) largest = Math.max(largest, Math.abs(want[k]!));
    for (let k = 0; k < want.length; k++) {
      const isNear = Math.abs(want[k]! - values[k]!) <= AGREE * largest;
      if (!isNear && !Object.is(want[k], values[k])) return false;
    }
    return true;
  });
}

/** One dispatch on buffers of its own. */
class VariantBench {
  readonly #stream: Stream;
  readonly #places = new Map<Tensor, Place>();
  /** Room behind each tensor, for those that lie in a bound buffer without being bound. */
  readonly #parts = new Map<Tensor, Place>();
  #isFilled = false;

  constructor(
    readonly device: GpuDevice,
    readonly run: Run,
  ) {
    this.#stream = new Stream(device);
    const parts = Object.values(run.at ?? {});
    for (const tensor of new Set(Object.values(run.bind))) {
      const floats = floatsIn(tensor);
      let end = alignedEnd(floats);
      const ends = parts.map((part) => {
        const at = end;
        end += alignedEnd(floatsIn(part));
        return at;
      });
      const buffer = device.createStorage('scratch', 4 * end, `tune ${tensor.name}`);
      this.#places.set(tensor, { buffer, at: 0, floats });
      for (const [i, part] of parts.entries()) this.#parts.set(part, { buffer, at: ends[i]!, floats: floatsIn(part) });
    }
  }

  prepare(candidate: Candidate): Promise<PreparedList> {
    const { run } = this;
    const only = { ...run.kernel, file: candidate.file, variants: [candidate.knobs], twins: [] };
    return this.#stream.prepare(
      [{ ...run, kernel: only }],
      (tensor) => this.#places.get(tensor) ?? this.#parts.get(tensor)!,
      'tuning',
    );
  }

  /** Run the dispatch and return what it writes. Every call starts from the same numbers. */
  async results(list: PreparedList): Promise<readonly Float32Array[]> {
    const written = this.run.kernel.writes.flatMap((name) => this.run.bind[name] ?? []);
    let seed = 0;
    for (const [tensor, place] of this.#places) {
      seed++;
      if (this.#isFilled && !written.includes(tensor)) continue;
      this.#stream.write(place, tensor.type === 'u32' ? new Uint32Array(place.floats) : noise(place.floats, seed));
    }
    this.#isFilled = true;
    this.#stream.encode(list);
    return this.#stream.readMany(written.map((tensor) => this.#places.get(tensor)!));
  }

  /** Milliseconds of one dispatch: the best of some timings. */
  async time(list: PreparedList): Promise<number> {
    let times = 1;
    let best = await this.#once(list, times);
    times = Math.max(1, Math.ceil(TIMING_MS / Math.max(best, 0.01)));
    for (let i = 0; i < TIMINGS; i++) best = Math.min(best, await this.#once(list, times));
    return best;
  }

  /** By the GPU's clock where there is one: it does not count what the host and the queue take. */
  async #once(list: PreparedList, times: number): Promise<number> {
    const stamped = await gpuMs(this.device, list, times);
    if (stamped !== undefined) return stamped / times;
    const began = performance.now();
    for (let i = 0; i < times; i++) this.#stream.encode(list);
    this.#stream.flush();
    await this.device.workDone();
    return (performance.now() - began) / times;
  }

  close(): void {
    this.#stream.close();
    for (const { buffer } of this.#places.values()) this.device.destroyBuffer(buffer);
  }
}

/** Tensors begin at multiples of four floats. */
const alignedEnd = (floats: number): number => 4 * Math.ceil(floats / 4);
