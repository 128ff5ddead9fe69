/**
 * Whose question is answered at a step border, and whether all ranks of that pipeline can take part. The work itself
 * (answers.ts) is loaded with the first question, because every tab loads this file before its first step.
 */
import { DeviceLost, InputError, isGenerationOver, sentenceOf } from '../../errors';
import type { Answers, Border } from './answers';
import type { Requests } from './requests';
import type { GenerationSetting } from './setting';
import type { Traffic } from './traffic';

/** Of a peer's sentence. */
const MOST_CHARACTERS = 500;

export class Answering {
  /** Kept from border to border while somebody asks. */
  #answers: Answers | undefined;

  constructor(
    private readonly setting: GenerationSetting,
    private readonly requests: Requests,
    private readonly traffic: Traffic,
  ) {}

  /** All ranks call it at every step border; the votes say which ranks have a question. Rejects with PeerLost. */
  async turn(votes: readonly { readonly asks: boolean }[], border: Omit<Border, 'by'>): Promise<void> {
    const { mesh } = this.setting;
    const asking = votes.flatMap(({ asks }, at) => (asks ? [at] : []));
    if (asking.length === 0) return this.close();
    // in turns, so that all are answered
    const by = asking[border.step % asking.length]!;
    if (mesh.replicaOf(by) !== mesh.coord.dp) return;
    const trouble = await this.#prepare({ ...border, by });
    await this.traffic.uncounted(() => this.#take({ ...border, by }, trouble));
  }

  /** Before the rank is closed. */
  close(): void {
    this.#answers?.close();
    this.#answers = undefined;
  }

  /** Returns why this rank cannot take part, '' if it can: then nothing of the step is on its way any more. */
  async #prepare(border: Border): Promise<string> {
    try {
      this.#answers ??= new (await import('./answers')).Answers(this.setting, border.rank);
      await this.#answers.open();
      return '';
    } catch (error) {
      if (isGenerationOver(error) || error instanceof DeviceLost) throw error;
      return sentenceOf(error);
    }
  }

  async #take(border: Border, trouble: string): Promise<void> {
    const { mesh, transport, signal } = this.setting;
    const { by, step } = border;
    const tag = (name: string) => `${mesh.generation}/${step}/ANSWER/${name}`;
    const asker = mesh.peers[by]!;
    if (by !== mesh.rank) {
      await transport.send(asker, tag('ready'), new TextEncoder().encode(trouble));
      const isGo = (await transport.recv(asker, tag('go'), signal))[0] === 1;
      if (isGo) await this.#answers!.follow(border);
      return;
    }
    const others = mesh.peers.flatMap((_, rank) =>
      rank !== by && mesh.replicaOf(rank) === mesh.coord.dp ? [rank] : [],
    );
    const said = await Promise.all(others.map((rank) => transport.recv(mesh.peers[rank]!, tag('ready'), signal)));
    const troubles = [trouble, ...said.map((bytes) => new TextDecoder().decode(bytes))];
    const reason = troubles.find((one) => one !== '')?.slice(0, MOST_CHARACTERS);
    const question = this.requests.question();
    if (reason !== undefined) question?.fail(new InputError(`the room cannot answer: ${reason}`));
    const goes = Uint8Array.of(reason === undefined && question ? 1 : 0);
    await Promise.all(others.map((rank) => transport.send(mesh.peers[rank]!, tag('go'), goes)));
    if (goes[0] === 1) await this.#answers!.lead(question!, border);
  }
}
