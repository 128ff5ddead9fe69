/** A turn of an answer on the rank that asks: tokens until the text or the turn is over. */
import { InputError } from '../../../errors';
import { Continuation, type Reader } from '../../chat/continuation';
import type { ModelQuestion } from '../asked/questions';
import type { Prepared } from '../given/prepared';

/** The longest turn: so training goes on. */
export const MOST_MS = 500;

/** Continue the text of `question` by at least one token. What is wrong with the question is said to who asked. */
export async function goOn(
  question: ModelQuestion | undefined,
  { corpus, run }: Prepared,
  reader: Reader,
  isOver: () => boolean,
): Promise<void> {
  if (!question) return;
  try {
    question.text ??= new Continuation(corpus.tokenizer, run.model, question.wish);
    const { text } = question;
    while (question.isOpen && !text.isOver) {
      question.say(await text.next(reader));
      if (isOver()) break;
    }
    if (text.isOver) question.complete();
  } catch (error) {
    if (!(error instanceof InputError)) throw error;
    question.fail(error);
  }
}
