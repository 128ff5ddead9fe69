/**
 * The first tokens of an answer beside a step, so that nobody waits for its border. The asking rank says whose
 * parameters it means by the step that reads them; the others run their stages while that step is theirs, too.
 * Parameters change only behind NORM, which needs the asking rank's ballot, and it gives that only once its turn is
 * over: so all passes of a turn read the whole model of one committed step. Loaded when somebody may ask.
 */
import { DeviceLost, isGenerationOver, ProtocolError } from '../../../errors';
import type { Transport } from '../../../net/wire/transport';
import type { Speaker } from '../../rank/rankcontract';
import type { Requests } from '../asked/requests';
import type { Prepared } from '../given/prepared';
import type { GenerationSetting } from '../given/setting';
import type { Traffic } from '../given/traffic';
import { AnswerPipe } from './answerpipe';
import { teamOf } from './answerteam';
import { goOn, MOST_MS } from './turn';

/** Of the border at which all ranks of a model got ready, and what a turn needs. */
export interface Ready {
  /** The ranks that hold one model together. */
  readonly ranks: readonly number[];
  /** Committed steps when they got ready; the same on all of them. */
  readonly opened: number;
  readonly prepared: Prepared;
  readonly speaker: Speaker;
  readonly requests: Requests;
  readonly traffic: Traffic;
}

export class BesideSteps {
  /** The step that computes here; -1 between steps. */
  #step = -1;
  #begun: (() => void)[] = [];
  #turns = 0;
  /** Resolves when this rank leads no turn. */
  #leading: Promise<void> | undefined;
  /** What ended a turn and is no end of the generation; then the step fails, too. */
  #broken: unknown;
  /** Other ranks that take part. */
  readonly #ready = new Set<number>();
  readonly #others: readonly number[];
  readonly #ended = new AbortController();
  readonly #signal: AbortSignal;

  constructor(
    private readonly setting: GenerationSetting,
    private readonly place: Ready,
  ) {
    const { mesh, signal } = setting;
    this.#others = place.ranks.filter((rank) => rank !== mesh.rank);
    this.#signal = AbortSignal.any([signal, this.#ended.signal]);
    this.#signal.addEventListener('abort', () => this.#wake(), { once: true });
    for (const rank of this.#others) {
      for (const work of [this.#hear(rank), this.#serve(rank)]) work.catch((error) => this.#fail(error));
    }
  }

  /** The parameters of `step` committed steps are read from here on, until `rest`. */
  begin(step: number): void {
    this.#step = step;
    this.#wake();
    this.asked();
  }

  /** Before NORM. Resolves when this rank leads no turn; rejects where a turn failed. */
  async rest(): Promise<void> {
    this.#step = -1;
    await this.#leading;
    if (this.#broken !== undefined) throw this.#broken;
  }

  /** Somebody on this rank may have a question. If it has no token yet and all are ready, its first ones are said now. */
  asked(): void {
    const question = this.place.requests.question();
    const isNew = question !== undefined && question.text === undefined;
    if (!isNew || this.#step < 0 || this.#leading || this.#ready.size < this.#others.length) return;
    this.#leading = this.#lead(this.#step)
      .catch((error) => this.#fail(error))
      .finally(() => {
        this.#leading = undefined;
        this.asked();
      });
  }

  close(): void {
    this.#ended.abort();
  }

  async #lead(step: number): Promise<void> {
    const { requests, prepared, speaker } = this.place;
    const { mesh } = this.setting;
    const name = `0/BESIDE${mesh.rank}.${this.place.opened}.${this.#turns++}`;
    const until = performance.now() + MOST_MS;
    const pipe = this.#pipe(mesh.rank, name);
    const begin = new Uint8Array(Uint32Array.of(step).buffer);
    const { send } = this.#transport;
    await Promise.all(this.#others.map((rank) => send(mesh.peers[rank]!, this.#tag(`${name}/begin`), begin)));
    await speaker.arrived();
    await goOn(requests.question(), prepared, pipe, () => this.#step < 0 || performance.now() >= until);
    await pipe.end();
  }

  /** Remember that another rank is ready; it hears the same of this one. */
  async #hear(rank: number): Promise<void> {
    const { mesh, transport } = this.setting;
    const tag = this.#tag(`0/BESIDE/ready${this.place.opened}`);
    await this.#transport.send(mesh.peers[rank]!, tag, new Uint8Array());
    await transport.recv(mesh.peers[rank]!, tag, this.#signal);
    this.#ready.add(rank);
    this.asked();
  }

  /** Take part in the turns of another rank. */
  async #serve(by: number): Promise<void> {
    const { mesh, transport } = this.setting;
    for (let turn = 0; ; turn++) {
      const name = `0/BESIDE${by}.${this.place.opened}.${turn}`;
      const begin = await transport.recv(mesh.peers[by]!, this.#tag(`${name}/begin`), this.#signal);
      if (begin.byteLength !== 4) throw new ProtocolError(`rank ${by} began a turn with ${begin.byteLength} bytes`);
      await this.#at(new Uint32Array(begin.slice().buffer)[0]!);
      await this.place.speaker.arrived();
      await this.#pipe(by, name).follow();
    }
  }

  /** Resolves while `step` computes here. Rejects with the reason of the signal when that is aborted. */
  async #at(step: number): Promise<void> {
    while (this.#step !== step) {
      this.#signal.throwIfAborted();
      await new Promise<void>((resolve) => this.#begun.push(resolve));
    }
  }

  #wake(): void {
    for (const resolve of this.#begun.splice(0)) resolve();
  }

  #pipe(by: number, name: string): AnswerPipe {
    const { prepared, ranks, speaker } = this.place;
    const { model } = prepared.run;
    const team = teamOf(model, this.setting.plan, ranks, by);
    const circuit = { mesh: this.setting.mesh, transport: this.#transport, signal: this.#signal };
    return new AnswerPipe(circuit, { by, name, team, model }, speaker);
  }

  /** Its bytes belong to no step, which sends at the same time. */
  get #transport(): Pick<Transport, 'send' | 'recv'> {
    const { transport } = this.setting;
    return {
      send: (to, tag, payload) => {
        this.place.traffic.leaveOut(transport.sizeOf(tag, payload.byteLength));
        return transport.send(to, tag, payload);
      },
      recv: (...of) => transport.recv(...of),
    };
  }

  /** A device or a peer that is lost ends the step by itself. */
  #fail(error: unknown): void {
    if (!this.#signal.aborted && !isGenerationOver(error) && !(error instanceof DeviceLost)) this.#broken = error;
  }

  #tag(name: string): string {
    return `${this.setting.mesh.generation}/${name}`;
  }
}
