/**
 * Runs consecutive units of the model over a few tokens: forward tapes, with the keys and values of all earlier tokens in
 * caches on the GPU. Owns caches and scratch; the parameters are the caller's. Holds no gradients.
 */
import type { Instr, Place, Tensor } from '../gpu/instr';
import { attention, matmul } from '../gpu/kernels';
import { attentionCached, cacheStore } from '../gpu/kernels.cache';
import { floatsIn, ScratchPool } from '../gpu/memory';
import type { PreparedList, Stream } from '../gpu/stream';
import { headSizeOf, type ModelConfig } from './config';
import { recordModel } from './model';
import type { Unit } from './unit';

/** Tokens of a pass at most. */
export const MOST_ROWS = 16;
/**
 * Rows of the recordings: one for a single token, one for all more. Where that is too long, the rows behind the tokens
 * compute numbers that nobody reads: their places in the caches are written again before a later token reads them.
 */
const RECORDED_ROWS = [1, MOST_ROWS] as const;

/** The units from `first` to `last`, both included. */
export interface Span {
  readonly first: number;
  readonly last: number;
}

/** Where a parameter that a unit reads lies: the unit's own, or the table that a tied head borrows. */
export type ParamPlace = (unit: number, param: Tensor) => Place;

/** One recording for a number of rows. */
interface Recording {
  readonly rows: number;
  readonly input: Place;
  /** By unit of the stage. */
  readonly lists: readonly PreparedList[];
  /** Hidden states [rows, dim] after the last unit that has any. */
  readonly hidden: Place;
}

export class StageDecoder {
  readonly #recordings: Recording[] = [];
  readonly #buffers: GPUBuffer[] = [];
  #logits: Place | undefined;
  /** First element of the position table's place; undefined without one in this stage. */
  #wpeAt: number | undefined;

  private constructor(
    readonly stream: Stream,
    readonly config: ModelConfig,
    readonly stage: Span,
  ) {}

  /** Rejects with KernelError or BufferLimit where a buffer is larger than the device allows; nothing is held then. */
  static async create(stream: Stream, config: ModelConfig, stage: Span, paramPlace: ParamPlace): Promise<StageDecoder> {
    const decoder = new StageDecoder(stream, config, stage);
    try {
      const rowFloats = 2 * config.kvHeads * headSizeOf(config);
      const caches = new Map<number, Place>();
      for (let unit = Math.max(1, stage.first); unit <= Math.min(config.layers, stage.last); unit++) {
        caches.set(unit, decoder.#make('saved', config.context * rowFloats, `cache ${unit}`));
      }
      if (decoder.#hasHead) decoder.#logits = decoder.#make('scratch', config.vocab, 'logits');
      for (const rows of RECORDED_ROWS) decoder.#recordings.push(await decoder.#record(rows, paramPlace, caches));
      return decoder;
    } catch (error) {
      decoder.close();
      throw error;
    }
  }

  /**
   * Encode one pass over 1 to MOST_ROWS rows, which follow `first` earlier tokens: tokens where the stage begins with
   * the embedding, else hidden states [rows, dim]. Returns the place of hidden states [rows, dim]; with the head that of
   * logits [vocab] after the last row, undefined if they are not wanted.
   */
  encode(input: Uint32Array | Float32Array, first: number, wantsLogits: boolean): Place | undefined {
    const { dim } = this.config;
    const { stage } = this;
    const rows = stage.first === 0 ? input.length : input.length / dim;
    const recording = this.#recordings.find((one) => one.rows >= rows);
    if (!recording) throw new RangeError(`a pass takes at most ${MOST_ROWS} rows, not ${rows}`);
    this.stream.write({ ...recording.input, floats: input.length }, input);
    const used = this.#hasHead && !wantsLogits ? recording.lists.slice(0, -1) : recording.lists;
    // why all of them first: a list's params must not change once it is encoded
    for (const [i, list] of used.entries()) {
      const unit = stage.first + i;
      const positions = unit === 0 && this.#wpeAt !== undefined ? { wpeAt: this.#wpeAt + first * dim } : {};
      const isHead = unit === this.config.layers + 1;
      this.stream.setParams(list, isHead ? { aAt: (rows - 1) * dim } : { first, ...positions });
    }
    for (const list of used) this.stream.encode(list);
    if (!this.#hasHead) return { ...recording.hidden, floats: rows * dim };
    return wantsLogits ? this.#logits : undefined;
  }

  /** Give every buffer back. */
  close(): void {
    for (const buffer of this.#buffers) this.stream.device.destroyBuffer(buffer);
    this.#buffers.length = 0;
  }

  get #hasHead(): boolean {
    return this.stage.last === this.config.layers + 1;
  }

  #make(role: 'saved' | 'scratch', floats: number, label: string): Place {
    const buffer = this.stream.device.createStorage(role, 4 * floats, `decode ${label}`);
    this.#buffers.push(buffer);
    return { buffer, at: 0, floats };
  }

  async #record(rows: number, paramPlace: ParamPlace, caches: ReadonlyMap<number, Place>): Promise<Recording> {
    const { first, last } = this.stage;
    const all = recordModel({ ...this.config, context: rows }, 1);
    const units = all.slice(first, last + 1);
    const borders = [0, 1].map((side) => this.#make('scratch', rows * this.config.dim, `x${side} of ${rows}`));
    const tokens = first === 0 ? this.#make('scratch', rows, `tokens of ${rows}`) : undefined;
    const wide = units.map((unit, i) => this.#cached(unit, first + i));
    const pool = new ScratchPool();
    const assigned = wide.map((list) => pool.assign(list, ({ role }) => role === 'scratch' || role === 'saved'));
    const scratch = pool.sizes.map((floats, i) => this.#make('scratch', floats, `scratch ${i} of ${rows}`));
    const lists = wide.map((list, i) => {
      const unit = first + i;
      const { input, output, name } = units[i]!;
      const placeOf = (tensor: Tensor): Place => {
        const floats = floatsIn(tensor);
        if (tensor.name === CACHE) return caches.get(unit)!;
        if (tensor.name === LOGITS) return this.#logits!;
        if (tensor.role === 'param') return paramPlace(unit, tensor);
        if (tensor.role === 'input') return tokens!;
        if (tensor === input) return borders[unit % 2]!;
        if (tensor === output && tensor.role === 'border') return borders[(unit + 1) % 2]!;
        return { ...scratch[assigned[i]!.get(tensor)!]!, floats };
      };
      return this.stream.prepare(list, placeOf, `decode ${name}`);
    });
    const wpe = first === 0 ? all[0]!.params.find((param) => param.name === 'wpe') : undefined;
    if (wpe) this.#wpeAt = paramPlace(0, wpe).at;
    const input = tokens ?? borders[first % 2]!;
    return { rows, input, lists: await Promise.all(lists), hidden: borders[(last + 1) % 2]! };
  }

  /**
   * A unit's forward, in which attention reads earlier tokens from the cache. The head's ends with the logits of one
   * row.
   */
  #cached(unit: Unit, index: number): readonly Instr[] {
    if (index === this.config.layers + 1) return headOf(unit, this.config.vocab);
    const { context: T } = this.config;
    return unit.forward.flatMap((line): Instr[] => {
      if (line.do !== 'run') throw new Error(`unit ${unit.name} has a collective: it cannot decode`);
      if (line.kernel !== attention) return [line];
      const { N, NKV, H } = line.params as { N: number; NKV: number; H: number };
      const { qkv, out } = line.bind as { qkv: Tensor; out: Tensor };
      const params = { R: qkv.shape[0]!, T, N, NKV, H, first: 0 };
      const cache: Tensor = { name: CACHE, shape: [T, 2 * NKV * H], role: 'border', type: 'f32' };
      return [
        { do: 'run', kernel: cacheStore, bind: { qkv, cache }, params, knobs: {} },
        { do: 'run', kernel: attentionCached, bind: { qkv, cache, out }, params, knobs: {} },
      ];
    });
  }
}

const CACHE = 'cache';
const LOGITS = 'logits of a row';

/** The head's forward up to the first use of the table, then the product of one row with the table. */
function headOf({ forward, logits }: Unit, V: number): readonly Instr[] {
  const { x, table } = logits!;
  const C = table.shape[1]!;
  const isTable = ({ role, name }: Tensor) => role === 'param' && name === table.name;
  const end = forward.findIndex((line) => line.do === 'run' && Object.values(line.bind).some(isTable));
  const out: Tensor = { name: LOGITS, shape: [1, V], role: 'border', type: 'f32' };
  const product = { kernel: matmul, bind: { a: x, b: table, out }, params: { M: 1, N: V, K: C }, knobs: { TB: 1 } };
  return [...forward.slice(0, end), { do: 'run', ...product }];
}
