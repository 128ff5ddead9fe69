/**
 * Answers while the room trains. At a step border, the ranks of the asking rank's pipeline continue its text together;
 * the others go on. A turn is at most as long as the step before it (but one token) and at most MOST_MS, so that training
 * goes on. Every turn reads the text anew, so each token is drawn from the whole model of one committed step; the weights
 * move between turns, and with them the text.
 */
import { InputError } from '../../errors';
import type { ParallelPlan } from '../../plan/plan';
import { stageCount } from '../../plan/stages';
import { Continuation } from '../chat/continuation';
import type { RankModel, Speaker } from '../rank/rankcontract';
import { AnswerPipe } from './answerpipe';
import type { Prepared } from './prepared';
import type { ModelQuestion } from './questions';
import type { GenerationSetting } from './setting';

const MOST_MS = 500;

/** A step border at which rank `by` has a question. */
export interface Border {
  readonly by: number;
  readonly prepared: Prepared;
  readonly rank: RankModel;
  /** Committed steps. */
  readonly step: number;
  /** Duration of the step before it. */
  readonly stepMs: number;
}

export class Answers {
  #speaker: Speaker | undefined;

  constructor(
    private readonly setting: GenerationSetting,
    private readonly rank: RankModel,
  ) {}

  /**
   * Resolves when this rank can take part and nothing of the step is on its way any more. Rejects with InputError under a
   * plan that cuts layers, with BufferLimit where the device does not allow the caches.
   */
  async open(): Promise<void> {
    const refusal = refusalOf(this.setting.plan);
    if (refusal !== '') throw new InputError(refusal);
    this.#speaker ??= await this.rank.speaker();
    await this.#speaker.atRest();
  }

  /** Before the rank is closed. */
  close(): void {
    this.#speaker?.close();
  }

  /** On the asking rank: continue the text of `question` until the turn is over. Rejects with PeerLost. */
  async lead(question: ModelQuestion, border: Border): Promise<void> {
    const { prepared, stepMs } = border;
    const until = performance.now() + Math.min(stepMs, MOST_MS);
    const pipe = this.#pipe(border);
    try {
      question.text ??= new Continuation(prepared.corpus.tokenizer, prepared.run.model, question.wish);
      const { text } = question;
      while (question.isOpen && !text.isOver) {
        question.say(await text.next(pipe));
        if (performance.now() >= until) break;
      }
      if (text.isOver) question.complete();
    } catch (error) {
      if (!(error instanceof InputError)) throw error;
      question.fail(error);
    }
    await pipe.end();
  }

  /** On the other ranks of the pipeline: take part until the asking rank ends the turn. Rejects with PeerLost. */
  follow(border: Border): Promise<void> {
    return this.#pipe(border).follow();
  }

  #pipe({ by, step, prepared }: Border): AnswerPipe {
    const { model } = prepared.run;
    const place = { by, step, stageCount: stageCount(this.setting.plan), model };
    return new AnswerPipe(this.setting, place, this.#speaker!);
  }
}

/** Why no question is answered under a plan, '' where one is. */
function refusalOf({ tp, zero, dp }: ParallelPlan): string {
  const way =
    'download the model and drop it on chat.html, or take a plan of whole layers (DDP, ZeRO-1 or 2, pipeline)';
  if (tp > 1) return `under tp ${tp} every tab holds a slice of each layer; ${way}`;
  if (zero === 3 && dp > 1) return `under ZeRO-3 every tab holds one of ${dp} shards of each layer; ${way}`;
  return '';
}
