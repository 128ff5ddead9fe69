/** Questions to the model in training: one at a time, each ends; and a text that a reader with or without memory continues. */
import { expect, test } from 'vitest';
import { Continuation, type Reader, type Said, type Wish } from '../../../src/train/chat/continuation';
import { makeTokenizer } from '../../../src/train/data/tokenizer';
import { Questions } from '../../../src/train/trainer/asked/questions';

const WISH: Wish = { prompt: 'ab', length: 20, temperature: 0, topK: 0, topP: 1, seed: 1, stop: '', likely: 0 };
const tokenizer = makeTokenizer('char', 'abcdefgh', 0);

/** After token t comes t + 1. Remembers as a cache does; `shown` are the tokens of each call. */
class Counting implements Reader {
  length = 0;
  readonly shown: number[] = [];

  forget(): void {
    this.length = 0;
  }

  async next(tokens: readonly number[]): Promise<Float32Array> {
    this.shown.push(tokens.length);
    this.length += tokens.length;
    return Float32Array.from({ length: 8 }, (_, v) => (v === (tokens.at(-1)! + 1) % 8 ? 9 : 0));
  }
}

async function spoken(text: Continuation, readerOf: (i: number) => Reader): Promise<string> {
  let said = '';
  for (let i = 0; !text.isOver; i++) said += (await text.next(readerOf(i))).text;
  return said;
}

test('a reader that forgets at every token and one that never does give one text, also beyond the context', async () => {
  const kept = new Counting();
  const whole = await spoken(new Continuation(tokenizer, { context: 6, vocab: 8 }, WISH), () => kept);
  expect(whole).toBe('cdefghabcdefghabcdef');
  // the prompt, tokens one by one up to the context, then half of it anew
  expect(kept.shown.slice(0, 7)).toEqual([2, 1, 1, 1, 1, 3, 1]);
  const anew = await spoken(new Continuation(tokenizer, { context: 6, vocab: 8 }, WISH), () => new Counting());
  expect(anew).toBe(whole);
});

test('a call that fails changes nothing; the text ends before its stop', async () => {
  const text = new Continuation(tokenizer, { context: 6, vocab: 8 }, { ...WISH, stop: 'fg' });
  const broken: Reader = { length: 0, forget: () => {}, next: () => Promise.reject(new Error('lost')) };
  await expect(text.next(broken)).rejects.toThrow('lost');
  expect(await spoken(text, () => new Counting())).toBe('cde');
  const cut = (prompt: string) => new Continuation(tokenizer, { context: 6, vocab: 8 }, { ...WISH, prompt });
  expect(() => cut('xyz')).toThrow('the prompt has no token of this model');
});

test('a newer question ends the one before it, a stop resolves, another run and the end reject', async () => {
  const questions = new Questions();
  const heard: Said[] = [];
  const first = questions.ask({ ...WISH, prompt: 'the' }, (said) => heard.push(said));
  const { open } = questions;
  const second = questions.ask(WISH, () => {});
  await first;
  open!.say({ token: 1, text: 'x', likely: [] });
  expect(heard).toEqual([]);
  expect(questions.open).not.toBe(open);
  questions.stop();
  await second;
  expect(questions.open).toBeUndefined();
  const third = questions.ask(WISH, () => {});
  questions.drop('another run');
  await expect(third).rejects.toThrow('another run');
  questions.end('it has ended');
  await expect(questions.ask(WISH, () => {})).rejects.toThrow('it has ended');
});
