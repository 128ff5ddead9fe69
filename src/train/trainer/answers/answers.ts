/**
 * Answers while the room trains; first tokens also beside a step (besidesteps.ts). At a step border, the ranks that
 * hold one model together with the asking rank continue its text; the others go on. A turn is at most as long as the
 * step before it (but one token) and at most MOST_MS, so that training goes on. Every turn reads the text anew, so each
 * token is drawn from the whole model of one committed step; the weights move between turns, and with them the text.
 */
import { isCopied } from '../../../model/paramcopies';
import type { RankModel, Speaker } from '../../rank/rankcontract';
import type { RunFile } from '../../runfile';
import { piecesOf, rankElements } from '../../state/elements';
import { gatherPieces } from '../../state/gather';
import { wholeModel } from '../../state/holding';
import { type Intervals, union } from '../../state/intervals';
import { NOTHING } from '../../state/reshard';
import { holdingUnder } from '../../state/sync';
import { addressesOf } from '../../state/transfer';
import type { ModelQuestion } from '../asked/questions';
import type { Prepared } from '../given/prepared';
import type { GenerationSetting } from '../given/setting';
import { AnswerPipe } from './answerpipe';
import { type Team, teamOf } from './answerteam';
import { BesideSteps, type Ready } from './besidesteps';
import { goOn, MOST_MS } from './turn';

/** A step border at which rank `by` has a question. */
export interface Border {
  readonly by: number;
  /** The ranks that hold one model together, `by` and this rank among them. */
  readonly ranks: readonly number[];
  readonly prepared: Prepared;
  readonly rank: RankModel;
  /** Committed steps. */
  readonly step: number;
  /** Duration of the step before it. */
  readonly stepMs: number;
}

export class Answers {
  private constructor(
    private readonly setting: GenerationSetting,
    private readonly rank: RankModel,
    private readonly model: RunFile['model'],
    private readonly speaker: Speaker,
    /** Absent where units are copied at borders, and where parameters arrive within steps (DiLoCo). */
    readonly beside: BesideSteps | undefined,
  ) {}

  /** `step` of the border: the same on all ranks. Rejects with BufferLimit where the device does not allow the buffers. */
  static async open(
    setting: GenerationSetting,
    { rank, prepared, ranks, step }: Omit<Border, 'by'>,
    asked: Pick<Ready, 'requests' | 'traffic'>,
  ): Promise<Answers> {
    const { plan, mesh } = setting;
    const { model } = prepared.run;
    const { stages, isCopied } = teamOf(model, plan, ranks, mesh.rank);
    const mine = stages.flatMap(({ first, last, rank }, stage) => (rank === mesh.rank ? [{ stage, first, last }] : []));
    const speaker = await rank.speaker(mine, isCopied);
    const isBeside = !isCopied && !plan.outer;
    const beside = isBeside
      ? new BesideSteps(setting, { ranks, opened: step, prepared, speaker, ...asked })
      : undefined;
    return new Answers(setting, rank, model, speaker, beside);
  }

  /** Resolves when nothing of the step is on its way any more. */
  atRest(): Promise<void> {
    return this.speaker.atRest();
  }

  /** Before the rank is closed. */
  close(): void {
    this.beside?.close();
    this.speaker.close();
  }

  /** On the asking rank: continue the text of `question` until the turn is over. Rejects with PeerLost. */
  async lead(question: ModelQuestion, border: Border): Promise<void> {
    const { prepared, stepMs } = border;
    const until = performance.now() + Math.min(stepMs, MOST_MS);
    const pipe = await this.#pipe(border);
    await goOn(question, prepared, pipe, () => performance.now() >= until);
    await pipe.end();
  }

  /** On the other ranks of the team: take part until the asking rank ends the turn. Rejects with PeerLost. */
  async follow(border: Border): Promise<void> {
    await (await this.#pipe(border)).follow();
  }

  async #pipe({ by, ranks, step }: Border): Promise<AnswerPipe> {
    const team = teamOf(this.model, this.setting.plan, ranks, by);
    if (team.isCopied) await this.#copy(team, step);
    return new AnswerPipe(this.setting, { by, name: `${step}/ANSWER`, team, model: this.model }, this.speaker);
  }

  /** Every rank of the team gets the newest parameters of its units from those that hold parts of them. */
  async #copy({ ranks, stages }: Team, step: number): Promise<void> {
    const { setting, model } = this;
    const { plan, mesh } = setting;
    const has = mesh.peers.map((_, rank) => {
      return ranks.includes(rank) ? addressesOf(holdingUnder(model, { plan, rank })) : NOTHING;
    });
    const own = rankElements(this.rank, holdingUnder(model, { plan, rank: mesh.rank }));
    const gathers = stages.map(({ rank, ...span }, stage) => {
      const read = wholeModel(model).filter(({ unit, name }) => isCopied(model, span, unit, name));
      const pieces = piecesOf(union(read.map(({ at, floats }) => ({ from: at, to: at + floats }))));
      let taken = 0;
      const take = async (values: Float32Array) => this.#write(pieces[taken++]!, values);
      const gathering = { kind: 'param', pieces, to: rank, has, tag: `${step}/ANSWER/units${stage}`, take } as const;
      return gatherPieces(setting, own, gathering);
    });
    await Promise.all(gathers);
  }

  /** `values` are the elements at the addresses `piece`. */
  #write(piece: Intervals, values: Float32Array): void {
    let before = 0;
    for (const { from, to } of piece) {
      for (const { unit, name, at, floats } of wholeModel(this.model)) {
        const [first, end] = [Math.max(at, from), Math.min(at + floats, to)];
        if (first >= end) continue;
        const offset = before - from;
        this.speaker.write(unit, name, first - at, values.subarray(offset + first, offset + end));
      }
      before += to - from;
    }
  }
}
