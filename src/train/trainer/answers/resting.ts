/**
 * A paused room whose ranks hold parts of the model: a rank that wants it asks the others, which give their parts. Nothing
 * is sent before somebody asks. Loaded at the first pause of such a run, because every tab loads the trainer before its
 * first step.
 */
import * as v from 'valibot';
import { InputError, isGenerationOver } from '../../../errors';
import type { ParallelPlan } from '../../../plan/plan';
import type { WholeWeights } from '../../files/weights';
import { sharedParam } from '../../state/apart';
import { piecesOf, stateElements } from '../../state/elements';
import { checks } from '../../state/exchange';
import { gatherPieces } from '../../state/gather';
import { sizeOf } from '../../state/intervals';
import { type CutState, holdingUnder, SINGLE } from '../../state/sync';
import { addressesOf, type Circuit } from '../../state/transfer';
import type { Prepared } from '../given/prepared';

/** Within this time every other rank says what it holds. */
const ANSWER_MS = 10_000;

const version = v.nullable(v.object({ step: checks.count, generation: checks.count }));

/** What a rank has of the pause: the newest state of its own, where the plan of the pause has cut it. */
type Held = () => { readonly mine: CutState | undefined; readonly prepared: Prepared | null };

export class Resting {
  /** Questions of this rank so far. */
  #asked = 0;

  constructor(
    private readonly circuit: Circuit,
    private readonly plan: ParallelPlan,
    private readonly held: Held,
  ) {
    for (const rank of this.#others) {
      this.#serve(rank).catch((error) => {
        // the pause is over, or the peer is gone
        if (!isGenerationOver(error) && !circuit.signal.aborted) throw error;
      });
    }
  }

  /** Every parameter by address, of one step. Rejects with InputError where the ranks cannot give it. */
  async weights(): Promise<WholeWeights> {
    const { mesh, transport, signal } = this.circuit;
    const mine = this.#mine();
    const round = this.#asked++;
    const soon = AbortSignal.any([signal, AbortSignal.timeout(ANSWER_MS)]);
    const ask = async (rank: number) => {
      const peer = mesh.peers[rank]!;
      await transport.send(peer, this.#tag(mesh.rank, `ask${round}`), new Uint8Array());
      return readVersion(await transport.recv(peer, this.#tag(mesh.rank, `has${round}`), soon));
    };
    try {
      const others = await Promise.all(this.#others.map(ask));
      const isOne = mine && others.every((one) => one?.step === mine.step && one.generation === mine.generation);
      const go = Uint8Array.of(isOne ? 1 : 0);
      for (const rank of this.#others) {
        await transport.send(mesh.peers[rank]!, this.#tag(mesh.rank, `go${round}`), go);
      }
      if (!isOne) {
        throw new InputError(
          'the tabs do not hold one step of the model since somebody came or went; go on for a step, then ask',
        );
      }
      return await this.#gather(mesh.rank, round, mine);
    } catch (error) {
      if (isGenerationOver(error) || signal.aborted) {
        throw new InputError('the pause ended before the tabs had given the model; ask again');
      }
      if (error === soon.reason)
        throw new InputError('a tab that holds a part of the model does not answer; ask again');
      throw error;
    }
  }

  get #others(): readonly number[] {
    const { mesh } = this.circuit;
    return [...mesh.peers.keys()].filter((rank) => rank !== mesh.rank);
  }

  /** This rank's state, undefined where another plan has cut it. */
  #mine(): CutState | undefined {
    const { mine } = this.held();
    const isOfThis =
      JSON.stringify(mine?.cutting) === JSON.stringify({ plan: this.plan, rank: this.circuit.mesh.rank });
    return isOfThis ? mine : undefined;
  }

  async #serve(asker: number): Promise<void> {
    const { mesh, transport, signal } = this.circuit;
    const peer = mesh.peers[asker]!;
    for (let round = 0; ; round++) {
      await transport.recv(peer, this.#tag(asker, `ask${round}`), signal);
      const mine = this.#mine();
      const has = mine ? { step: mine.step, generation: mine.generation } : null;
      await transport.send(peer, this.#tag(asker, `has${round}`), new TextEncoder().encode(JSON.stringify(has)));
      const isGo = (await transport.recv(peer, this.#tag(asker, `go${round}`), signal))[0] === 1;
      if (isGo && mine) await this.#gather(asker, round, mine);
    }
  }

  async #gather(asker: number, round: number, { state, cutting }: CutState): Promise<Float32Array> {
    const { mesh } = this.circuit;
    const { model } = this.held().prepared!.run;
    const { held } = holdingUnder(model, SINGLE).param;
    const all = new Float32Array(asker === mesh.rank ? sizeOf(held) : 0);
    let at = 0;
    await gatherPieces(
      this.circuit,
      stateElements({ ...state, param: sharedParam(state) }, holdingUnder(model, cutting)),
      {
        kind: 'param',
        pieces: piecesOf(held),
        to: asker,
        has: mesh.peers.map((_, rank) => addressesOf(holdingUnder(model, { plan: this.plan, rank }))),
        tag: `0/REST${asker}.${round}`,
        take: async (values) => {
          all.set(values, at);
          at += values.length;
        },
      },
    );
    return all;
  }

  #tag(asker: number, name: string): string {
    return `${this.circuit.mesh.generation}/0/REST${asker}/${name}`;
  }
}

function readVersion(bytes: Uint8Array) {
  try {
    return v.parse(version, JSON.parse(new TextDecoder().decode(bytes)));
  } catch {
    return null;
  }
}
