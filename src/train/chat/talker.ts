/** A model read from files and opened on a device to continue texts. It computes the same numbers as in training. */
import { InputError } from '../../errors';
import type { Stream } from '../../gpu/stream';
import type { ModelConfig } from '../../model/config';
import { Decoder } from '../../model/decoder';
import { broughtTokenizer } from '../data/brought';
import { lackingIn, type Tokenizer } from '../data/tokenizer';
import { type Folder, readModelFolder } from '../files/modelfolder';
import { readWeights } from '../files/weights';
import { wholeModel } from '../state/holding';
import { Continuation, type Said, type Wish } from './continuation';

export class Talker {
  private constructor(
    readonly decoder: Decoder,
    readonly tokenizer: Tokenizer,
  ) {}

  /** Compile what a model of these sizes needs, for models that are opened later on this device. */
  static async compile(stream: Stream, model: ModelConfig): Promise<void> {
    (await Decoder.create(stream, model)).close();
    stream.close();
  }

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
    return new Talker(decoder, broughtTokenizer(tokenizer.json, tokenizer.beside));
  }

  /** Characters of a text that the model has no token for. */
  lacking(text: string): readonly string[] {
    return lackingIn(this.tokenizer, text);
  }

  /** Continue `wish.prompt` token by token. Throws InputError for a prompt without a token. */
  async *answer(wish: Wish): AsyncGenerator<Said> {
    const { decoder, tokenizer } = this;
    const text = new Continuation(tokenizer, decoder.config, wish);
    decoder.forget();
    while (!text.isOver) yield await text.next(decoder);
  }

  close(): void {
    this.decoder.close();
  }
}
