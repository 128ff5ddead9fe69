/** The other ranks of one generation, and small helpers for operations that are started now and awaited later. */
import { ProtocolError } from '../../errors';
import type { Place } from '../../gpu/instr';
import type { Stream } from '../../gpu/stream';
import { type Codec, codecOf } from '../../net/collective/codec';
import type { Coding } from '../../net/collective/coded';
import { emitOf, lineOf } from '../../net/collective/collective';
import { Feedback } from '../../net/collective/feedback';
import type { Group } from '../../net/collective/group';
import type { Transport } from '../../net/wire/transport';
import type { Mesh } from '../../plan/mesh';
import type { Action, UnitSize } from '../../plan/plan';
import { printAction } from '../../plan/text';
import type { Wire } from '../../plan/wire';
import type { Trace } from '../../trace/trace';

export interface Cluster {
  readonly mesh: Mesh;
  readonly transport: Transport;
  readonly dp: Group;
  readonly tp: Group;
  /** All ranks of the mesh, in rank order. */
  readonly world: Group;
  /** Aborted when the generation cannot finish its step. */
  readonly signal: AbortSignal;
  readonly trace: Trace;
  /** How REDUCE and OUTER encode what they send. */
  readonly codings: { readonly reduce: Codings; readonly outer: Codings };
}

/** The actions of one kind. */
export type Line<Op extends Action['op']> = Action & { readonly op: Op };

/** Names of the messages of one pass: `generation/step/line`. */
export class Tags {
  /** `generation/step` of the pass under way. */
  head = '';

  constructor(readonly units: readonly UnitSize[]) {}

  of(line: Action): string {
    return this.name(printAction(line, this.units));
  }

  name(text: string): string {
    return `${this.head}/${text}`;
  }
}

/** The codec of one kind of sum, and by unit the coding error of earlier sums (feedback). */
export class Codings {
  readonly #codec: Codec | undefined;
  readonly #feedback = new Map<number, Feedback>();

  constructor(
    wire: Wire,
    readonly keepsLoss: boolean,
  ) {
    this.#codec = codecOf(wire);
  }

  /** Undefined if the unit's floats are sent uncoded. */
  of(unit: number): Coding | undefined {
    if (!this.#codec) return undefined;
    if (!this.keepsLoss) return { codec: this.#codec };
    const feedback = this.#feedback.get(unit) ?? new Feedback();
    this.#feedback.set(unit, feedback);
    return { codec: this.#codec, feedback };
  }

  /** The step was committed, so the coding errors of its sums become valid. */
  commit(): void {
    for (const feedback of this.#feedback.values()) feedback.commit();
  }
}

/** Returns `promise`; its failure is reported where it is awaited, never as an unhandled rejection. */
export function background(promise: Promise<void>): Promise<void> {
  promise.catch(() => undefined);
  return promise;
}

/** Read a place and send it to `rank`. The read is queued now, so later work cannot change what is sent. */
export async function sendPlace(cluster: Cluster, stream: Stream, place: Place, rank: number, tag: string) {
  const data = await stream.read(place);
  const bytes = new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
  const [t0, peer] = [performance.now(), cluster.mesh.peers[rank]!];
  await cluster.transport.send(peer, tag, bytes);
  emitOf(tag, cluster.trace, 'SEND', t0, { bytes: bytes.byteLength, peer, line: lineOf(tag) });
}

/** Receive a place from `rank` and write it. Throws ProtocolError if the length is wrong. */
export async function receivePlace(cluster: Cluster, stream: Stream, place: Place, rank: number, tag: string) {
  const bytes = await cluster.transport.recv(cluster.mesh.peers[rank]!, tag, cluster.signal);
  if (bytes.byteLength !== 4 * place.floats) {
    throw new ProtocolError(`${tag} from rank ${rank} has ${bytes.byteLength} bytes instead of ${4 * place.floats}`);
  }
  // why: a received array may begin anywhere in its buffer, but a Float32Array needs an aligned start
  const aligned = bytes.byteOffset % 4 === 0 ? bytes : bytes.slice();
  stream.write(place, new Float32Array(aligned.buffer, aligned.byteOffset, place.floats));
}
