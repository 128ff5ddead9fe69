/**
 * A model read from files and opened on a device to continue texts. It computes the same numbers as in training. The
 * returned text consists of complete characters only.
 */
import { InputError } from '../../errors';
import type { Stream } from '../../gpu/stream';
import { Decoder } from '../../model/decoder';
import { broughtTokenizer } from '../data/brought';
import { uniformAt } from '../data/random';
import { lackingIn, type Tokenizer } from '../data/tokenizer';
import { type Folder, readModelFolder } from '../files/modelfolder';
import { readWeights } from '../files/weights';
import { wholeModel } from '../state/holding';
import { candidateTokens, drawn, type SamplingChoice } from './choice';

export interface Wish extends SamplingChoice {
  readonly prompt: string;
  /** Maximum number of generated tokens. */
  readonly length: number;
  readonly seed: number;
  /** The answer ends before the first occurrence of this text; '' for none. */
  readonly stop: string;
  /** Return this many of the most probable next tokens with each piece. */
  readonly likely: number;
}

/** A candidate for the next token, as text, and the model's probability of it at temperature 1. */
interface Likely {
  readonly text: string;
  readonly probability: number;
}

/** A piece of the answer. */
export interface Said {
  readonly token: number;
  /** The complete characters that this token added to the text; '' while a character is incomplete. */
  readonly text: string;
  readonly likely: readonly Likely[];
}

export class Talker {
  private constructor(
    readonly decoder: Decoder,
    readonly tokenizer: Tokenizer,
  ) {}

  /** Rejects with InputError if the files are not a model, or if the model has no tokenizer. */
  static async open(stream: Stream, folder: Folder): Promise<Talker> {
    const { model, tensors, tokenizer } = readModelFolder(folder);
    if (tokenizer === undefined) {
      throw new InputError('the model has no tokenizer.json, so it cannot be talked to; add it to the folder');
    }
    const weights = readWeights(model, tensors);
    const places = new Map(wholeModel(model).map((param) => [`${param.unitName}/${param.name}`, param]));
    const decoder = await Decoder.create(stream, model, (unit, name) => {
      const { at, floats } = places.get(`${unit}/${name}`)!;
      return weights.subarray(at, at + floats);
    });
    return new Talker(decoder, broughtTokenizer(tokenizer));
  }

  /** Characters of a text that the model has no token for. */
  lacking(text: string): readonly string[] {
    return lackingIn(this.tokenizer, text);
  }

  /**
   * Continue `wish.prompt` token by token. When the context is full, the text continues from its last half context.
   * Throws InputError for a prompt without a token.
   */
  async *answer(wish: Wish): AsyncGenerator<Said> {
    const { decoder, tokenizer } = this;
    const { context } = decoder.config;
    const all = [...tokenizer.encode(wish.prompt)];
    if (all.length === 0) throw new InputError('the prompt has no token of this model; write at least one character');
    const from = all.length;
    const size = Math.min(tokenizer.size, decoder.config.vocab);
    decoder.forget();
    let fresh = all.slice(-context);
    let said = '';
    for (let i = 0; i < wish.length; i++) {
      if (decoder.length + fresh.length > context) {
        decoder.forget();
        fresh = all.slice(-Math.max(1, Math.floor(context / 2)));
      }
      const logits = await decoder.next(fresh);
      const token = drawn(candidateTokens(logits, size, wish), uniformAt(wish.seed, i, SEED));
      all.push(token);
      fresh = [token];
      const whole = complete(tokenizer.decode(all.slice(from)));
      const end = wish.stop === '' ? -1 : whole.indexOf(wish.stop);
      const shown = end < 0 ? whole : whole.slice(0, end);
      yield { token, text: shown.slice(said.length), likely: this.#likely(logits, size, wish.likely) };
      said = shown;
      if (end >= 0) return;
    }
  }

  #likely(logits: Float32Array, size: number, count: number): readonly Likely[] {
    if (count === 0) return [];
    const all = candidateTokens(logits, size, { temperature: 1, topK: 0, topP: 1 });
    return all.slice(0, count).map(({ token, probability }) => ({ text: this.tokenizer.decode([token]), probability }));
  }

  close(): void {
    this.decoder.close();
  }
}

/** A counter that keeps these random draws different from the draws of batches with the same seed. */
const SEED = 0x7a1c;

/** `text` without the characters at its end that the next token may still complete. */
function complete(text: string): string {
  return text.replace(/\ufffd+$/u, '');
}
