/** The other ranks of one generation, and small helpers for operations that are started now and awaited later. */
import { ProtocolError } from '../../errors';
import type { Place } from '../../gpu/instr';
import type { Stream } from '../../gpu/stream';
import type { Codec } from '../../net/collective/codec';
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
import { STATE_PIECE_FLOATS } from '../state/elements';

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
  readonly #feedback = new Map<number, Feedback>();

  constructor(
    readonly codec: Codec | undefined,
    readonly keepsLoss: boolean,
  ) {}

  /** Loads the codec of `wire`, where there is one: every tab loads this file before its first step. */
  static async of(wire: Wire, keepsLoss: boolean): Promise<Codings> {
    const codec = wire === 'f32' ? undefined : (await import('../../net/collective/codec')).codecOf(wire);
    return new Codings(codec, keepsLoss);
  }

  /** Undefined if the unit's floats are sent uncoded. */
  of(unit: number): Coding | undefined {
    if (!this.codec) return undefined;
    if (!this.keepsLoss) return { codec: this.codec };
    const feedback = this.#feedback.get(unit) ?? new Feedback();
    this.#feedback.set(unit, feedback);
    return { codec: this.codec, feedback };
  }

  /** The step was committed, so the coding errors of its sums become valid. */
  commit(): void {
    for (const feedback of this.#feedback.values()) feedback.commit();
  }
}

/** Returns `promise`; its failure is reported where it is awaited, never as an unhandled rejection. */
export function background<T>(promise: Promise<T>): Promise<T> {
  promise.catch(() => undefined);
  return promise;
}

/** Read a place and send it to `rank`. The read is queued now, so later work cannot change what is sent. */
export async function sendPlace(cluster: Cluster, stream: Stream, place: Place, rank: number, tag: string) {
  const data = await stream.read(place);
  const t0 = performance.now();
  await send(cluster, rank, tag, data);
  emitSend(cluster, place, rank, tag, t0);
}

/** Receive a place from `rank` and write it. Throws ProtocolError if the length is wrong. */
export async function receivePlace(cluster: Cluster, stream: Stream, place: Place, rank: number, tag: string) {
  stream.write(place, await receive(cluster, rank, tag, place.floats));
}

/**
 * As sendPlace for a tied table, in pieces, so that the host never holds all of it. The caller makes sure that the place
 * does not change before the receiver has it; if that cannot be (`isKept` false), all of it is read at once.
 */
export async function sendTable(
  cluster: Cluster,
  stream: Stream,
  place: Place,
  rank: number,
  tag: string,
  isKept: boolean,
) {
  const all = isKept ? undefined : await stream.read(place);
  const t0 = performance.now();
  for (const [name, piece] of piecesOf(place, tag)) {
    const at = piece.at - place.at;
    await send(cluster, rank, name, all?.subarray(at, at + piece.floats) ?? (await stream.read(piece)));
  }
  emitSend(cluster, place, rank, tag, t0);
}

/** Receive what sendTable sends. */
export async function receiveTable(cluster: Cluster, stream: Stream, place: Place, rank: number, tag: string) {
  for (const [name, piece] of piecesOf(place, tag)) await receivePlace(cluster, stream, piece, rank, name);
}

/** The messages of a table, with their tags. A small table is one message. */
function piecesOf(place: Place, tag: string): readonly (readonly [tag: string, piece: Place])[] {
  const count = Math.ceil(place.floats / STATE_PIECE_FLOATS);
  return Array.from({ length: count }, (_, i) => {
    const at = i * STATE_PIECE_FLOATS;
    const floats = Math.min(STATE_PIECE_FLOATS, place.floats - at);
    return [count === 1 ? tag : `${tag}/part${i}`, { ...place, at: place.at + at, floats }] as const;
  });
}

function send({ transport, mesh }: Cluster, rank: number, tag: string, data: Float32Array): Promise<void> {
  return transport.send(mesh.peers[rank]!, tag, new Uint8Array(data.buffer, data.byteOffset, data.byteLength));
}

function emitSend({ trace, mesh }: Cluster, place: Place, rank: number, tag: string, t0: number): void {
  emitOf(tag, trace, 'SEND', t0, { bytes: 4 * place.floats, peer: mesh.peers[rank]!, line: lineOf(tag) });
}

async function receive(cluster: Cluster, rank: number, tag: string, floats: number): Promise<Float32Array> {
  const bytes = await cluster.transport.recv(cluster.mesh.peers[rank]!, tag, cluster.signal);
  if (bytes.byteLength !== 4 * floats) {
    throw new ProtocolError(`${tag} from rank ${rank} has ${bytes.byteLength} bytes instead of ${4 * floats}`);
  }
  // why: a received array may begin anywhere in its buffer, but a Float32Array needs an aligned start
  const aligned = bytes.byteOffset % 4 === 0 ? bytes : bytes.slice();
  return new Float32Array(aligned.buffer, aligned.byteOffset, floats);
}
