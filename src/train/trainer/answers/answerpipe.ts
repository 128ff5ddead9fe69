/**
 * The ranks of a team continue a text together, within one turn: the asking rank says which tokens come next,
 * hidden states go from stage to stage, logits come back to it. Every pass goes through all stages, in order.
 */
import { ProtocolError } from '../../../errors';
import { passesOver } from '../../../model/decoder';
import { MOST_ROWS } from '../../../model/stagedecoder';
import { bytesOf, floatsFrom } from '../../../net/collective/collective';
import type { Tag, Transport } from '../../../net/wire/transport';
import type { Reader } from '../../chat/continuation';
import type { Speaker } from '../../rank/rankcontract';
import type { Circuit } from '../../state/transfer';
import type { Team } from './answerteam';

/** The same on all ranks of the team. */
interface Place {
  /** The rank that asks. */
  readonly by: number;
  /** Of the turn, in tags. */
  readonly name: string;
  readonly team: Team;
  readonly model: { readonly context: number; readonly vocab: number; readonly dim: number };
}

/** Tokens of one pass. */
interface Pass {
  /** Number of tokens before it. */
  readonly first: number;
  readonly wantsLogits: boolean;
  readonly tokens: Uint32Array;
}

export class AnswerPipe implements Reader {
  #length = 0;
  #passes = 0;
  readonly #me: number;
  /** The other ranks that run a stage. */
  readonly #others: readonly number[];

  constructor(
    private readonly circuit: Pick<Circuit, 'mesh' | 'signal'> & {
      readonly transport: Pick<Transport, 'send' | 'recv'>;
    },
    private readonly turn: Place,
    private readonly speaker: Speaker,
  ) {
    const { rank: me } = circuit.mesh;
    this.#me = me;
    this.#others = [...new Set(turn.team.stages.map(({ rank }) => rank))].filter((rank) => rank !== me);
  }

  get length(): number {
    return this.#length;
  }

  forget(): void {
    this.#length = 0;
  }

  /** On the asking rank: logits [vocab] after `tokens`. Rejects with PeerLost. */
  async next(tokens: readonly number[]): Promise<Float32Array> {
    let logits: Float32Array | null = null;
    for (const [from, to] of passesOver(tokens.length)) {
      const pass = {
        first: this.#length,
        wantsLogits: to === tokens.length,
        tokens: Uint32Array.from(tokens.slice(from, to)),
      };
      await this.#order(packPass(pass));
      logits = await this.#run(pass);
      this.#length += to - from;
    }
    return logits!;
  }

  /** On the asking rank: no pass follows. */
  async end(): Promise<void> {
    await this.#order(new Uint8Array());
  }

  /** On the other ranks: take part until the asking rank ends the turn. Rejects with PeerLost. */
  async follow(): Promise<void> {
    const { transport, mesh, signal } = this.circuit;
    if (this.turn.team.stages.every(({ rank }) => rank !== this.#me)) return;
    for (;;) {
      const order = await transport.recv(mesh.peers[this.turn.by]!, this.#tag(`order${this.#passes}`), signal);
      if (order.byteLength === 0) return;
      await this.#run(readPass(order, this.turn));
    }
  }

  async #order(bytes: Uint8Array): Promise<void> {
    const { transport, mesh } = this.circuit;
    const tag = this.#tag(`order${this.#passes}`);
    await Promise.all(this.#others.map((rank) => transport.send(mesh.peers[rank]!, tag, bytes)));
  }

  /** This rank's stages of a pass. Returns the logits on the asking rank if they are wanted, else null. */
  async #run({ first, wantsLogits, tokens }: Pass): Promise<Float32Array | null> {
    const { by, model } = this.turn;
    const { stages } = this.turn.team;
    const pass = this.#passes++;
    const last = stages.length - 1;
    let here: Float32Array | null = null;
    for (const [stage, { rank }] of stages.entries()) {
      if (rank !== this.#me) continue;
      const comesFrom = stage === 0 ? this.#me : stages[stage - 1]!.rank;
      const floats = tokens.length * model.dim;
      const hidden = comesFrom === this.#me ? here : await this.#receive(comesFrom, `pass${pass}.${stage}`, floats);
      here = await this.speaker.run(stage, stage === 0 ? tokens : hidden!, first, wantsLogits);
      const goesTo = stage === last ? by : stages[stage + 1]!.rank;
      if (here && goesTo !== this.#me) await this.#send(goesTo, `pass${pass}.${stage + 1}`, here);
    }
    if (!wantsLogits || by !== this.#me) return null;
    const head = stages[last]!.rank;
    return head === this.#me ? here : this.#receive(head, `pass${pass}.${stages.length}`, model.vocab);
  }

  async #receive(from: number, name: string, floats: number): Promise<Float32Array> {
    const { transport, mesh, signal } = this.circuit;
    const tag = this.#tag(name);
    return floatsFrom(await transport.recv(mesh.peers[from]!, tag, signal), floats, tag);
  }

  #send(to: number, name: string, values: Float32Array): Promise<void> {
    return this.circuit.transport.send(this.circuit.mesh.peers[to]!, this.#tag(name), bytesOf(values));
  }

  #tag(name: string): Tag {
    return `${this.circuit.mesh.generation}/${this.turn.name}/${name}`;
  }
}

/** uint32: tokens before the pass, 1 if logits are wanted, the tokens. */
function packPass({ first, wantsLogits, tokens }: Pass): Uint8Array {
  return new Uint8Array(Uint32Array.of(first, wantsLogits ? 1 : 0, ...tokens).buffer);
}

function readPass(bytes: Uint8Array, { model, by }: Place): Pass {
  if (bytes.byteLength % 4 !== 0) throw new ProtocolError(`a pass of ${bytes.byteLength} bytes came from rank ${by}`);
  const [first = 0, wants = 0, ...tokens] = new Uint32Array(bytes.slice().buffer);
  const isWhole = tokens.length > 0 && tokens.length <= MOST_ROWS && first + tokens.length <= model.context;
  if (!isWhole || wants > 1 || tokens.some((token) => token >= model.vocab)) {
    const of = `a context of ${model.context} and ${model.vocab} tokens`;
    throw new ProtocolError(`rank ${by} asks for ${tokens.length} tokens after ${first}, which do not fit ${of}`);
  }
  return { first, wantsLogits: wants === 1, tokens: Uint32Array.from(tokens) };
}
