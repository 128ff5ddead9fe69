/** Runs a whole model of its own token by token: uploads its parameters, and cuts tokens into the passes of a stage. */
import type { Place } from '../gpu/instr';
import { floatsIn } from '../gpu/memory';
import type { Stream } from '../gpu/stream';
import type { ModelConfig } from './config';
import { layoutOf, rangeOf } from './layout';
import { recordModel } from './model';
import { MOST_ROWS, StageDecoder } from './stagedecoder';

/** Gives a whole parameter by unit and short name. */
type ParamOf = (unit: string, param: string) => Float32Array;

/** Where the passes over `count` tokens begin and end. */
export function passesOver(count: number): readonly (readonly [from: number, to: number])[] {
  return Array.from({ length: Math.ceil(count / MOST_ROWS) }, (_, pass) => {
    return [pass * MOST_ROWS, Math.min(count, (pass + 1) * MOST_ROWS)] as const;
  });
}

export class Decoder {
  /** Tokens whose keys and values are in the caches. */
  #length = 0;

  private constructor(
    readonly stage: StageDecoder,
    private readonly params: readonly GPUBuffer[],
  ) {}

  /** Rejects with KernelError where a buffer is larger than the device allows. */
  static async create(stream: Stream, config: ModelConfig, paramOf: ParamOf): Promise<Decoder> {
    const layouts = recordModel(config, 1).map(({ name, params }) => ({ name, layout: layoutOf(params, 1) }));
    const buffers = layouts.map(({ name, layout: { ranges, all } }) => {
      const buffer = stream.device.createStorage('param', 4 * all, `decode ${name}`);
      for (const { param, at, floats } of ranges) stream.write({ buffer, at, floats }, paramOf(name, param.name));
      return buffer;
    });
    const stage = await StageDecoder.create(stream, config, { first: 0, last: layouts.length - 1 }, (unit, param) => {
      const owner = param.owner === undefined ? unit : 0;
      const { at } = rangeOf(layouts[owner]!.layout, param.name);
      return { buffer: buffers[owner]!, at: at + (param.from ?? 0), floats: floatsIn(param) };
    });
    return new Decoder(stage, buffers);
  }

  get config(): ModelConfig {
    return this.stage.config;
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
    const { context } = this.config;
    if (tokens.length === 0 || this.#length + tokens.length > context) {
      throw new RangeError(`${tokens.length} tokens after ${this.#length} in a context of ${context}`);
    }
    let logits: Place | undefined;
    for (const [from, to] of passesOver(tokens.length)) {
      const input = Uint32Array.from({ length: to - from }, (_, i) => tokens[from + i]!);
      logits = this.stage.encode(input, this.#length, to === tokens.length);
      this.#length += input.length;
    }
    return this.stage.stream.read(logits!);
  }

  /** Give every buffer back. */
  close(): void {
    this.stage.close();
    for (const buffer of this.params) this.stage.stream.device.destroyBuffer(buffer);
  }
}
