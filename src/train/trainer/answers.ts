/**
 * Answers while the room trains. At a step border, the ranks of the asking rank's pipeline continue its text together;
 * the others go on. A turn is at most as long as the step before it (but one token) and at most MOST_MS, so that training
 * goes on. Every turn reads the text anew, so each token is drawn from the whole model of one committed step; the weights
 * move between turns, and with them the text.
 */
import { InputError, PlanError } from '../../errors';
import type { ParallelPlan } from '../../plan/plan';
import { stageCount } from '../../plan/stages';
import type { RankModel, Speaker } from '../rank/rankcontract';
import { AnswerPipe } from './answerpipe';
import type { Prepared } from './prepared';
import type { ModelQuestion } from './questions';
import type { Requests } from './requests';
import type { GenerationSetting } from './setting';
import type { Traffic } from './traffic';

const MOST_MS = 500;
/** Of a peer's sentence. */
const MOST_CHARACTERS = 500;

/** A step border at which some rank has a question. */
interface Moment {
  readonly prepared: Prepared;
  readonly rank: RankModel;
  /** Committed steps. */
  readonly step: number;
  /** Duration of the step before it. */
  readonly stepMs: number;
}

export class Answers {
  /** Kept from turn to turn while somebody asks. */
  #speaker: Speaker | undefined;

  constructor(
    private readonly setting: GenerationSetting,
    private readonly requests: Requests,
    private readonly traffic: Traffic,
  ) {}

  /** All ranks call it at every step border; the votes say which ranks have a question. Rejects with PeerLost. */
  async turn(votes: readonly { readonly asks: boolean }[], moment: Moment): Promise<void> {
    const { mesh, plan } = this.setting;
    const asking = votes.flatMap(({ asks }, at) => (asks ? [at] : []));
    if (asking.length === 0) return this.close();
    // in turns, so that all are answered
    const by = asking[moment.step % asking.length]!;
    if (mesh.replicaOf(by) !== mesh.coord.dp) return;
    const refusal = refusalOf(plan);
    if (refusal !== '') {
      if (by === mesh.rank) this.requests.question()?.fail(new InputError(refusal));
      return;
    }
    const trouble = await this.#open(moment.rank);
    await this.traffic.uncounted(() => this.#take(by, moment, trouble));
  }

  /** Before the rank is closed. */
  close(): void {
    this.#speaker?.close();
    this.#speaker = undefined;
  }

  /** `trouble`: why this rank cannot take part, else ''. */
  async #take(by: number, moment: Moment, trouble: string): Promise<void> {
    const { mesh, plan, transport, signal } = this.setting;
    const { model } = moment.prepared.run;
    const border = { by, step: moment.step, stageCount: stageCount(plan), model };
    const tag = `${mesh.generation}/${moment.step}/ANSWER/ready`;
    const pipe = new AnswerPipe(this.setting, border, this.#speaker);
    if (by !== mesh.rank) {
      await transport.send(mesh.peers[by]!, tag, new TextEncoder().encode(trouble));
      return pipe.follow();
    }
    const others = mesh.ranks('pp').filter((rank) => rank !== by);
    const said = await Promise.all(others.map((rank) => transport.recv(mesh.peers[rank]!, tag, signal)));
    const troubles = [trouble, ...said.map((bytes) => new TextDecoder().decode(bytes))];
    const reason = troubles.find((one) => one !== '')?.slice(0, MOST_CHARACTERS);
    const question = this.requests.question();
    if (reason !== undefined) question?.fail(new InputError(`the model cannot answer under this plan: ${reason}`));
    else if (question) await this.#lead(question, pipe, moment);
    await pipe.end();
  }

  /** Continue the text of `question` until the turn is over. */
  async #lead(question: ModelQuestion, pipe: AnswerPipe, { prepared, stepMs }: Moment): Promise<void> {
    const until = performance.now() + Math.min(stepMs, MOST_MS);
    try {
      const text = question.text(prepared);
      do question.say(await text.next(pipe));
      while (question.isOpen && !text.isOver && performance.now() < until);
      if (text.isOver) question.complete();
    } catch (error) {
      if (!(error instanceof InputError)) throw error;
      question.fail(error);
    }
  }

  /** Returns why this rank cannot answer, '' if it can: then nothing of the step is on its way any more. */
  async #open(rank: RankModel): Promise<string> {
    try {
      this.#speaker ??= await rank.speaker();
      await this.#speaker.atRest();
      return '';
    } catch (error) {
      if (!(error instanceof PlanError)) throw error;
      return error.message;
    }
  }
}

/** Why no question is answered under a plan, '' where one is. */
function refusalOf({ tp, zero, dp }: ParallelPlan): string {
  const way =
    'download the model and drop it on chat.html, or take a plan of whole layers (DDP, ZeRO-1 or 2, pipeline)';
  if (tp > 1) return `under tp ${tp} every tab holds a slice of each layer, so no question is answered: ${way}`;
  if (zero === 3 && dp > 1)
    return `under ZeRO-3 every tab holds one of ${dp} shards of each layer, so no question is answered: ${way}`;
  return '';
}
