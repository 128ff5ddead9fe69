/**
 * Gathers elements of the whole model on one rank, a piece at a time, from ranks that each hold a part, so no rank ever
 * has a second copy of the model. Every rank computes who sends what (reshard.ts). The receiver paces the senders.
 */
import { ProtocolError } from '../../errors';
import type { Tag } from '../../net/wire/transport';
import { addressKind, type Elements, type StateKind } from './elements';
import { type Intervals, intersect, scatter, sizeOf } from './intervals';
import { type Addresses, NOTHING, transfersOf } from './reshard';
import type { Circuit } from './transfer';

/** Maximum number of pieces that a sender may be ahead of the receiver. */
const AHEAD = 8;

interface Gathering {
  readonly kind: StateKind;
  /** The same on all ranks. */
  readonly pieces: readonly Intervals[];
  /** The rank that receives them. */
  readonly to: number;
  /** What each rank holds. */
  readonly has: readonly Addresses[];
  /** `step/purpose` */
  readonly tag: string;
  /** Called on rank `to` with the elements of each piece, in order. */
  readonly take: (values: Float32Array<ArrayBuffer>) => Promise<void>;
}

/** Every rank of the generation calls it with the elements it has. Throws InputError if no rank has an element. */
export async function gatherPieces(circuit: Circuit, own: Elements, gathering: Gathering): Promise<void> {
  const { mesh, transport, signal } = circuit;
  const { kind, pieces, to, has, take } = gathering;
  const address = addressKind(kind);
  const tagOf = (piece: number, what: string): Tag => `${mesh.generation}/${gathering.tag}/${what}${piece}`;
  const acknowledged = (piece: number) => transport.recv(mesh.peers[to]!, tagOf(piece, 'ok'), signal);
  const sent: number[] = [];
  for (const [index, piece] of pieces.entries()) {
    const needs = has.map((_, rank) => (rank === to ? { ...NOTHING, [address]: piece } : NOTHING));
    const transfers = transfersOf(has, needs);
    if (mesh.rank !== to) {
      const mine = transfers.find(({ from }) => from === mesh.rank);
      if (!mine) continue;
      if (sent.length >= AHEAD) await acknowledged(sent.shift()!);
      const values = await own.read(kind, mine[address]);
      await transport.send(mesh.peers[to]!, tagOf(index, 'piece'), new Uint8Array(values.buffer));
      sent.push(index);
      continue;
    }
    const out = new Float32Array(sizeOf(piece));
    const here = intersect(piece, has[to]![address]);
    scatter(out, piece, here, await own.read(kind, here));
    for (const transfer of transfers) {
      const bytes = await transport.recv(mesh.peers[transfer.from]!, tagOf(index, 'piece'), signal);
      scatter(out, piece, transfer[address], floatsFrom(bytes, sizeOf(transfer[address]), transfer.from));
      await transport.send(mesh.peers[transfer.from]!, tagOf(index, 'ok'), new Uint8Array(0));
    }
    await take(out);
  }
  for (const index of sent) await acknowledged(index);
}

function floatsFrom(bytes: Uint8Array, floats: number, from: number): Float32Array {
  if (bytes.byteLength === 4 * floats) return new Float32Array(bytes.slice().buffer);
  throw new ProtocolError(`rank ${from} sent ${bytes.byteLength} bytes of a piece where ${4 * floats} are due`);
}
