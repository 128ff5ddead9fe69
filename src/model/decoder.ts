/**
 * Runs the model token by token: forward tapes for a few rows, with the keys and values of all earlier tokens in caches
 * on the GPU. Holds parameters and caches only, no gradients. Training has its own recordings and buffers.
 */
import type { Instr, Place, Tensor } from '../gpu/instr';
import { attention, matmul } from '../gpu/kernels';
import { attentionCached, cacheStore } from '../gpu/kernels.cache';
import { floatsIn, ScratchPool } from '../gpu/memory';
import type { PreparedList, Stream } from '../gpu/stream';
import { headSizeOf, type ModelConfig } from './config';
import { layoutOf, type ParamRange } from './layout';
import { recordModel } from './model';
import type { Unit } from './unit';

/** Tokens per recording while the prompt is read. The remaining tokens are taken one at a time. */
const PROMPT_ROWS = 16;

/** Gives a whole parameter by unit and short name. */
type ParamOf = (unit: string, param: string) => Float32Array;

/** One recording for a number of rows. */
interface Recording {
  readonly rows: number;
  readonly tokens: Place;
  readonly lists: readonly PreparedList[];
  /** First element of the position table's place, undefined without one. */
  readonly wpeAt: number | undefined;
}

export class Decoder {
  readonly #recordings: Recording[] = [];
  readonly #buffers: GPUBuffer[] = [];
  readonly #logits: Place;
  /** Tokens whose keys and values are in the caches. */
  #length = 0;

  private constructor(
    readonly stream: Stream,
    readonly config: ModelConfig,
  ) {
    this.#logits = this.#make('scratch', config.vocab, 'logits');
  }

  /** Rejects with KernelError where a buffer is larger than the device allows. */
  static async create(stream: Stream, config: ModelConfig, paramOf: ParamOf): Promise<Decoder> {
    const decoder = new Decoder(stream, config);
    const params = recordModel(config, 1).map((unit) => decoder.#upload(unit, paramOf));
    const rowFloats = 2 * config.kvHeads * headSizeOf(config);
    const caches = Array.from({ length: config.layers }, (_, i) => {
      return decoder.#make('saved', config.context * rowFloats, `cache ${i}`);
    });
    for (const rows of [PROMPT_ROWS, 1]) decoder.#recordings.push(await decoder.#record(rows, params, caches));
    return decoder;
  }

  /** Tokens it has seen since the last `forget`. */
  get length(): number {
    return this.#length;
  }

  /** Start a new text. */
  forget(): void {
    this.#length = 0;
  }

  /**
   * Logits [vocab] after `tokens`, which continue the tokens of earlier calls. Throws RangeError for no tokens and
   * beyond the context.
   */
  async next(tokens: ArrayLike<number>): Promise<Float32Array> {
    const end = this.#length + tokens.length;
    if (tokens.length === 0 || end > this.config.context) {
      throw new RangeError(`${tokens.length} tokens after ${this.#length} in a context of ${this.config.context}`);
    }
    for (let at = 0; at < tokens.length; ) {
      const left = tokens.length - at;
      const recording = this.#recordings.find(({ rows }) => rows <= left) ?? this.#recordings.at(-1)!;
      const { rows } = recording;
      this.#run(
        recording,
        Uint32Array.from({ length: rows }, (_, i) => tokens[at + i]!),
        at + rows === tokens.length,
      );
      at += rows;
      this.#length += rows;
    }
    return this.stream.read(this.#logits);
  }

  /** Give every buffer back. */
  close(): void {
    for (const buffer of this.#buffers) this.stream.device.destroyBuffer(buffer);
    this.#buffers.length = 0;
  }

  #run({ rows, tokens, lists, wpeAt }: Recording, input: Uint32Array, wantsLogits: boolean): void {
    const first = this.#length;
    this.stream.write(tokens, input);
    const used = wantsLogits ? lists : lists.slice(0, -1);
    // why all of them first: a list's params must not change once it is encoded
    for (const [unit, list] of used.entries()) {
      const isHead = unit === lists.length - 1;
      const positions = unit === 0 && wpeAt !== undefined ? { wpeAt: wpeAt + first * this.config.dim } : {};
      this.stream.setParams(list, isHead ? { aAt: (rows - 1) * this.config.dim } : { first, ...positions });
    }
    for (const list of used) this.stream.encode(list);
  }

  #make(role: 'param' | 'saved' | 'scratch', floats: number, label: string): Place {
    const buffer = this.stream.device.createStorage(role, 4 * floats, `decode ${label}`);
    this.#buffers.push(buffer);
    return { buffer, at: 0, floats };
  }

  /** Upload the parameters of a unit. Returns a function that gives the place of a parameter by its short name. */
  #upload({ name, params }: Unit, paramOf: ParamOf): (param: string) => Place {
    const { ranges, floats } = layoutOf(params, 1);
    const place = this.#make('param', floats, name);
    const at = new Map<string, ParamRange>();
    for (const range of ranges) {
      at.set(range.param.name, range);
      this.stream.write({ ...place, at: range.at, floats: range.floats }, paramOf(name, range.param.name));
    }
    return (param) => {
      const { at: from, floats: length } = at.get(param)!;
      return { buffer: place.buffer, at: from, floats: length };
    };
  }

  async #record(rows: number, params: readonly ((param: string) => Place)[], caches: readonly Place[]) {
    const units = recordModel({ ...this.config, context: rows }, 1);
    const borders = [0, 1].map((side) => this.#make('scratch', rows * this.config.dim, `x${side} of ${rows}`));
    const tokens = this.#make('scratch', rows, `tokens of ${rows}`);
    const wide = units.map((unit, i) => this.#cached(unit, i === units.length - 1));
    const pool = new ScratchPool();
    const assigned = wide.map((list) => pool.assign(list, ({ role }) => role === 'scratch' || role === 'saved'));
    const scratch = pool.sizes.map((floats, i) => this.#make('scratch', floats, `scratch ${i} of ${rows}`));
    const lists = wide.map((list, u) => {
      const { input, output, name } = units[u]!;
      const placeOf = (tensor: Tensor): Place => {
        const floats = floatsIn(tensor);
        if (tensor.name === CACHE) return caches[u - 1]!;
        if (tensor.name === LOGITS) return this.#logits;
        if (tensor.role === 'param') {
          const place = params[tensor.owner === undefined ? u : 0]!(tensor.name);
          return { ...place, at: place.at + (tensor.from ?? 0), floats };
        }
        if (tensor.role === 'input') return tokens;
        if (tensor === input) return borders[u % 2]!;
        if (tensor === output && tensor.role === 'border') return borders[(u + 1) % 2]!;
        return { ...scratch[assigned[u]!.get(tensor)!]!, floats };
      };
      return this.stream.prepare(list, placeOf, `decode ${name}`);
    });
    const hasPositions = this.config.arch === 'gpt2';
    return { rows, tokens, lists: await Promise.all(lists), wpeAt: hasPositions ? params[0]!('wpe').at : undefined };
  }

  /**
   * A unit's forward, in which attention reads earlier tokens from the cache. The head's ends with the logits of one
   * row.
   */
  #cached(unit: Unit, isHead: boolean): readonly Instr[] {
    if (isHead) return headOf(unit, this.config.vocab);
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
