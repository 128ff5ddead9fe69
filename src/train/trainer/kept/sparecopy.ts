/**
 * Sends copies of the state to a peer in reserve where all who train would be lost at once: where one rank trains alone,
 * or all on one machine as replicas. The copies travel beside the steps, so no step waits for the reserve.
 */
import { isGenerationOver, ProtocolError } from '../../../errors';
import { bytesOf } from '../../../net/collective/collective';
import type { PeerId } from '../../../plan/mesh';
import { sendBytes } from '../../state/exchange';
import type { CutState } from '../../state/sync';
import type { GenerationSetting } from '../given/setting';
import { arraysOf, copyTag, headTag, packHead, readAnswer } from './copywire';

/** The next copy waits this many times the duration of the last one: at most a fifth of a slow link's time is used. */
const SEND_REST = 4;
/** A peer that has not answered for so long gets no more copies in this generation. */
const PATIENCE_MS = 10_000;

interface Sending {
  readonly to: PeerId;
  readonly sinceMs: number;
  readonly stop: AbortController;
  isAnswered: boolean;
}

export class SpareCopy {
  #sending: Sending | undefined;
  /** The peer that got the last copy: it has the text, and no other has an older copy. */
  #keeper: PeerId | undefined;
  #dueMs = Number.NEGATIVE_INFINITY;
  readonly #silent = new Set<PeerId>();
  #failure: unknown;

  constructor(private readonly setting: GenerationSetting) {}

  /**
   * Begin to send `copy`, a state of the whole model that does not change any more, if a peer waits for one. Does not
   * wait for it. `machines`: by rank, undefined for one of its own. Throws what the last copy failed with, unless its
   * peer or its generation was gone.
   */
  offer(copy: CutState, vocab: number, machines: readonly (string | undefined)[]): void {
    if (this.#failure) throw this.#failure;
    const now = performance.now();
    if (this.#sending) this.#giveUp(this.#sending, now);
    if (this.#sending || now < this.#dueMs) return;
    const to = this.#choose(machines);
    if (to === undefined) return;
    const sending: Sending = { to, sinceMs: now, stop: new AbortController(), isAnswered: false };
    this.#sending = sending;
    void this.#send(sending, copy, vocab).then(
      () => this.#end(sending, now),
      (error) => {
        const isOver = isGenerationOver(error) || sending.stop.signal.aborted || this.setting.signal.aborted;
        if (error instanceof ProtocolError) this.#silent.add(to);
        else if (!isOver) this.#failure = error;
        this.#end(sending, now);
      },
    );
  }

  close(): void {
    this.#sending?.stop.abort();
  }

  #giveUp(sending: Sending, nowMs: number): void {
    if (sending.isAnswered || nowMs < sending.sinceMs + PATIENCE_MS) return;
    this.#silent.add(sending.to);
    sending.stop.abort();
    this.#sending = undefined;
  }

  #end(sending: Sending, beganMs: number): void {
    if (this.#sending !== sending) return;
    this.#sending = undefined;
    const now = performance.now();
    this.#dueMs = now + SEND_REST * (now - beganMs);
  }

  /** The peer in reserve that had the last copy, else the first on another machine, else any if one rank trains alone. */
  #choose(machines: readonly (string | undefined)[]): PeerId | undefined {
    const [first] = machines;
    const isOneMachine = machines.length === 1 || machines.every((one) => one !== undefined && one === first);
    if (!isOneMachine) return undefined;
    const spares = this.setting.membership.spares().filter(({ peer }) => !this.#silent.has(peer));
    const apart = spares.filter(({ machine }) => machine === undefined || machine !== first);
    const able = machines.length === 1 ? [...apart, ...spares] : apart;
    const kept = able.find(({ peer }) => peer === this.#keeper);
    return (kept ?? able[0])?.peer;
  }

  async #send(sending: Sending, copy: CutState, vocab: number): Promise<void> {
    const { transport, mesh, text, run } = this.setting;
    const { to } = sending;
    const { step, generation, cutting, state } = copy;
    const described = await text.describe(run.data.source);
    const head = packHead({ step, generation, cutting, vocab, text: described });
    await transport.send(to, headTag(mesh.generation), head);
    const signal = AbortSignal.any([this.setting.signal, sending.stop.signal]);
    const tag = copyTag(mesh.generation, step);
    const { wantsText } = readAnswer(await transport.recv(to, `${tag}/answer`, signal));
    sending.isAnswered = true;
    if (wantsText) await sendBytes(transport, to, text.bytes, `${tag}/text`);
    for (const [name, values] of arraysOf(state)) {
      signal.throwIfAborted();
      await sendBytes(transport, to, bytesOf(values), `${tag}/${name}`);
    }
    this.#keeper = to;
  }
}
