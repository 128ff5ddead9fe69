/**
 * What the ranks of a new generation tell each other before they train, and bytes in pieces from one rank to another.
 * Everything that arrives is checked. Which state goes where is in sync.ts.
 */
import * as v from 'valibot';
import { ProtocolError, sentenceOf } from '../../errors';
import type { Group } from '../../net/collective/group';
import type { Tag, Transport } from '../../net/wire/transport';
import type { Mesh } from '../../plan/mesh';
import { type ParallelPlan, parsePlan } from '../../plan/plan';

/** The place in the mesh of the generation under which a rank's state was cut. */
export interface Cutting {
  readonly plan: ParallelPlan;
  readonly rank: number;
}

/**
 * Which state of the model it is. Steps may be run again by a later generation, with other rounding; states of one step and
 * two generations are never mixed.
 */
export interface Version {
  /** Committed steps. */
  readonly step: number;
  /** The generation that ran the newest of them, or read it from a file; 0: what the seed gives. */
  readonly generation: number;
}

/** A state that a rank says it has. */
export interface Claim extends Version {
  readonly cutting: Cutting;
  /** Where replicas train apart (DiLoCo): committed steps at the newest outer step; else absent. */
  readonly outer?: number | undefined;
}

/** What a rank brings. */
export interface Announcement {
  /** The states it has, the newest first. */
  readonly held: readonly Claim[];
  /** Hash of the weights it would start from, '' for those of the seed. */
  readonly init: string;
  /** Size and hash of the text it has; 0 and '' when it has none. */
  readonly text: { readonly sizeBytes: number; readonly hash: string };
}

/** Its newest, two mirrors of two states each, and what it had before the plan was changed. */
export const MAX_STATES = 6;

/** A peer's plan is worked through rank by rank here, so its size is bounded. */
function isSmall({ dp, pp, tp, chunks }: ParallelPlan): boolean {
  return dp * pp * tp * chunks <= 4096;
}

const count = v.pipe(v.number(), v.integer(), v.minValue(0), v.maxValue(Number.MAX_SAFE_INTEGER));
const hash = v.pipe(v.string(), v.regex(/^[0-9a-f]{0,64}$/));
const cutting = v.pipe(
  v.object({ plan: v.pipe(v.unknown(), v.transform(parsePlan), v.check(isSmall)), rank: count }),
  v.check(({ plan: { dp, pp, tp }, rank }) => rank < dp * pp * tp),
);
const announcement = v.object({
  held: v.pipe(
    v.array(v.object({ step: count, generation: count, cutting, outer: v.optional(count) })),
    v.maxLength(MAX_STATES),
  ),
  init: hash,
  text: v.object({ sizeBytes: count, hash }),
});

/** Every rank's announcement, in rank order. Throws ProtocolError for one that is malformed. */
export async function announce(world: Group, mine: Announcement, tag: Tag): Promise<readonly Announcement[]> {
  const bytes = new TextEncoder().encode(JSON.stringify(mine));
  return (await world.exchange(bytes, tag)).map(parse);
}

function parse(bytes: Uint8Array, rank: number): Announcement {
  try {
    return v.parse(announcement, JSON.parse(new TextDecoder().decode(bytes)));
  } catch (error) {
    throw new ProtocolError(`rank ${rank} announced itself malformed: ${sentenceOf(error)}`);
  }
}

/** Bytes of one message of a long transfer: small enough to show progress and to interleave with others. */
const PIECE_BYTES = 1 << 20;

/** Send `bytes` to rank `to`; `receiveBytes` with the same tag and size is the other end. */
export async function sendBytes(transport: Transport, mesh: Mesh, to: number, bytes: Uint8Array, tag: Tag) {
  for (let at = 0; at < bytes.byteLength; at += PIECE_BYTES) {
    await transport.send(mesh.peers[to]!, `${tag}/${at}`, bytes.subarray(at, at + PIECE_BYTES));
  }
}

/** Receive `sizeBytes` bytes from rank `from`. Throws ProtocolError when pieces have other sizes. */
export async function receiveBytes(
  transport: Transport,
  mesh: Mesh,
  from: number,
  sizeBytes: number,
  tag: Tag,
  signal: AbortSignal,
): Promise<Uint8Array<ArrayBuffer>> {
  const bytes = new Uint8Array(sizeBytes);
  for (let at = 0; at < sizeBytes; at += PIECE_BYTES) {
    const piece = await transport.recv(mesh.peers[from]!, `${tag}/${at}`, signal);
    const due = Math.min(PIECE_BYTES, sizeBytes - at);
    if (piece.byteLength !== due) {
      throw new ProtocolError(`${tag} from rank ${from} has a piece of ${piece.byteLength} bytes where ${due} are due`);
    }
    bytes.set(piece, at);
  }
  return bytes;
}
