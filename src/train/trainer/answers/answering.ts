/**
 * Whose question is answered at a step border or beside a step, and whether all ranks of that model can take part. The
 * work itself (answers.ts) is loaded when somebody may ask, because every tab loads this file before its first step.
 */
import { DeviceLost, InputError, isGenerationOver, sentenceOf } from '../../../errors';
import type { Requests } from '../asked/requests';
import type { GenerationSetting } from '../given/setting';
import type { Traffic } from '../given/traffic';
import type { Answers, Border } from './answers';

/** Of a peer's sentence. */
const MOST_CHARACTERS = 500;

/** The part of a vote that says who asks, and where somebody may ask soon. */
interface Asking {
  readonly asks: boolean;
  readonly listens: boolean;
}

export class Answering {
  /** Kept from border to border while somebody asks or may ask. Its device work is done beside the steps. */
  #opening: Promise<Answers> | undefined;
  #answers: Answers | undefined;
  /** The step that computes; -1 between steps. */
  #step = -1;

  constructor(
    private readonly setting: GenerationSetting,
    readonly requests: Requests,
    readonly traffic: Traffic,
  ) {}

  /** All ranks call it at every step border; the votes say which ranks have a question. Rejects with PeerLost. */
  async turn(votes: readonly Asking[], at: Omit<Border, 'by' | 'ranks'>): Promise<void> {
    const { mesh, plan } = this.setting;
    const isOfMine = (rank: number) => plan.zero === 3 || mesh.replicaOf(rank) === mesh.coord.dp;
    const ranks = [...mesh.peers.keys()].filter(isOfMine);
    const border = { ...at, ranks };
    if (ranks.some((rank) => votes[rank]!.asks || votes[rank]!.listens)) void this.#open(border);
    else void this.close();
    const asking = votes.flatMap(({ asks }, rank) => (asks ? [rank] : []));
    // in turns, so that all are answered
    const by = asking[border.step % asking.length];
    if (by === undefined || !isOfMine(by)) return;
    const trouble = await this.#prepare(border);
    await this.traffic.uncounted(() => this.#take({ ...border, by }, trouble));
  }

  /** A step begins: until its NORM, first tokens are said beside it. */
  begin(step: number): void {
    this.#step = step;
    this.#answers?.beside?.begin(step);
  }

  /** Awaited before NORM, behind which parameters change. */
  async rest(): Promise<void> {
    this.#step = -1;
    await this.#answers?.beside?.rest();
  }

  /** Somebody on this rank has a question. */
  asked(): void {
    this.#answers?.beside?.asked();
  }

  /** Before the rank is closed. Resolves when nothing is opened any more. */
  async close(): Promise<void> {
    const opening = this.#opening;
    this.#opening = undefined;
    this.#answers = undefined;
    const answers = await opening?.catch(() => undefined);
    answers?.close();
  }

  #open(border: Omit<Border, 'by'>): Promise<Answers> {
    if (this.#opening) return this.#opening;
    const opening = import('./answers').then(({ Answers }) => Answers.open(this.setting, border, this));
    this.#opening = opening;
    const use = (answers: Answers) => {
      if (this.#opening !== opening) return;
      this.#answers = answers;
      if (this.#step >= 0) answers.beside?.begin(this.#step);
    };
    // what fails is said to who asks
    opening.then(use, () => {});
    return opening;
  }

  /** Returns why this rank cannot take part, '' if it can: then nothing of the step is on its way any more. */
  async #prepare(border: Omit<Border, 'by'>): Promise<string> {
    try {
      await (await this.#open(border)).atRest();
      return '';
    } catch (error) {
      if (isGenerationOver(error) || error instanceof DeviceLost) throw error;
      // the next question tries again
      this.#opening = undefined;
      return sentenceOf(error);
    }
  }

  async #take(border: Border, trouble: string): Promise<void> {
    const { mesh, transport, signal } = this.setting;
    const { by, ranks, step } = border;
    const tag = (name: string) => `${mesh.generation}/${step}/ANSWER/${name}`;
    const asker = mesh.peers[by]!;
    if (by !== mesh.rank) {
      await transport.send(asker, tag('ready'), new TextEncoder().encode(trouble));
      const isGo = (await transport.recv(asker, tag('go'), signal))[0] === 1;
      if (isGo) await (await this.#opening!).follow(border);
      return;
    }
    const others = ranks.filter((rank) => rank !== by);
    const said = await Promise.all(others.map((rank) => transport.recv(mesh.peers[rank]!, tag('ready'), signal)));
    const troubles = [trouble, ...said.map((bytes) => new TextDecoder().decode(bytes))];
    const reason = troubles.find((one) => one !== '')?.slice(0, MOST_CHARACTERS);
    const question = this.requests.question();
    if (reason !== undefined) question?.fail(new InputError(`the room cannot answer: ${reason}`));
    const goes = Uint8Array.of(reason === undefined && question ? 1 : 0);
    await Promise.all(others.map((rank) => transport.send(mesh.peers[rank]!, tag('go'), goes)));
    if (goes[0] === 1) await (await this.#opening!).lead(question!, border);
  }
}
