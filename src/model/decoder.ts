/** Runs a whole model of its own token by token: uploads its parameters, and cuts tokens into the passes of a stage. */
import type { Place } from '../gpu/instr';
import type { Stream } from '../gpu/stream';
import type { ModelConfig } from './config';
import { recordModel } from './model';
import { ParamCopies } from './paramcopies';
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
    private readonly params: ParamCopies,
  ) {}

  /** All parameters are 0 without `paramOf`. Rejects with KernelError where a buffer is larger than the device allows. */
  static async create(stream: Stream, config: ModelConfig, paramOf?: ParamOf): Promise<Decoder> {
    const all = { first: 0, last: config.layers + 1 };
    const copies = new ParamCopies(stream, config, all);
    for (const [unit, { name, params }] of recordModel(config, 1).entries()) {
      for (const param of paramOf ? params : []) copies.write(unit, param.name, 0, paramOf!(name, param.name));
    }
    const stage = await StageDecoder.create(stream, config, all, (unit, param) => copies.place(unit, param));
    return new Decoder(stage, copies);
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
    this.params.close();
  }
}
