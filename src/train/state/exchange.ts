/**
 * What the ranks of a new generation tell each other before they train, and the transfer of bytes in pieces between two
 * ranks. Everything that arrives is checked. sync.ts says which state goes where.
 */
import * as v from 'valibot';
import { ProtocolError, sentenceOf } from '../../errors';
import type { Group } from '../../net/collective/group';
import type { Tag, Transport } from '../../net/wire/transport';
import type { PeerId } from '../../plan/mesh';
import { type ParallelPlan, parsePlan } from '../../plan/plan';

/** The plan, and the rank in its mesh, under which a rank's state was cut. */
export interface Cutting {
  readonly plan: ParallelPlan;
  readonly rank: number;
}

/**
 * Identifies a state of the model. A later generation may run a step again with other rounding, so states of one step
 * and two generations are never mixed.
 */
export interface Version {
  /** Committed steps. */
  readonly step: number;
  /** The generation that ran the newest of these steps, or read the state from a file; 0 for the seed's state. */
  readonly generation: number;
}

/** A state that a rank says it has. */
export interface Claim extends Version {
  readonly cutting: Cutting;
  /** Committed steps at the newest outer step, if replicas train apart (DiLoCo); else absent. */
  readonly outer?: number | undefined;
}

/** What a rank tells the others about its state and text. */
export interface Announcement {
  /** The states it has, the newest first. */
  readonly held: readonly Claim[];
  /** Hash of the weights it would start from; '' for the seed's weights. */
  readonly init: string;
  /** Size and hash of the text it has; 0 and '' if it has none. */
  readonly text: { readonly sizeBytes: number; readonly hash: string };
  /** Ranks of one machine say the same; absent where a rank does not know, and so has a machine of its own. */
  readonly machine?: string | undefined;
}

/** Maximum number of other ranks of which a rank keeps copies. */
export const MOST_COPIES = 8;

/**
 * Maximum number of states: the newest, two mirrors of a rank's own state and its copies, and the state from before a
 * change of plan. It also limits the work that a peer can make for the others: they look up what each state holds.
 */
export const MAX_STATES = 2 + 2 * (1 + MOST_COPIES);

/** Limits the size of a peer's plan, because this rank loops over all ranks of the plan. */
function isSmall({ dp, pp, tp, chunks }: ParallelPlan): boolean {
  return dp * pp * tp * chunks <= 4096;
}

const count = v.pipe(v.number(), v.integer(), v.minValue(0), v.maxValue(Number.MAX_SAFE_INTEGER));
const hash = v.pipe(v.string(), v.regex(/^[0-9a-f]{0,64}$/));
const cutting = v.pipe(
  v.object({ plan: v.pipe(v.unknown(), v.transform(parsePlan), v.check(isSmall)), rank: count }),
  v.check(({ plan: { dp, pp, tp }, rank }) => rank < dp * pp * tp),
);
/** Checks for data from the network that names states and texts. */
export const checks = { count, hash, cutting, text: v.object({ sizeBytes: count, hash }) };

const announcement = v.object({
  held: v.pipe(
    v.array(v.object({ step: count, generation: count, cutting, outer: v.optional(count) })),
    v.maxLength(MAX_STATES),
  ),
  init: hash,
  text: checks.text,
  machine: v.optional(v.pipe(v.string(), v.regex(/^[0-9a-f]{16}$/))),
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

/** Send `bytes` to `to`, which calls `receiveBytes` with the same tag and size. */
export async function sendBytes(transport: Transport, to: PeerId, bytes: Uint8Array, tag: Tag) {
  for (let at = 0; at < bytes.byteLength; at += PIECE_BYTES) {
    await transport.send(to, `${tag}/${at}`, bytes.subarray(at, at + PIECE_BYTES));
  }
}

/** Receive `sizeBytes` bytes from `from`. Throws ProtocolError if a piece has an unexpected size. */
export async function receiveBytes(
  transport: Transport,
  from: PeerId,
  sizeBytes: number,
  tag: Tag,
  signal: AbortSignal,
): Promise<Uint8Array<ArrayBuffer>> {
  const bytes = new Uint8Array(sizeBytes);
  for (let at = 0; at < sizeBytes; at += PIECE_BYTES) {
    const piece = await transport.recv(from, `${tag}/${at}`, signal);
    const due = Math.min(PIECE_BYTES, sizeBytes - at);
    if (piece.byteLength !== due) {
      throw new ProtocolError(`${tag} of ${from} has a piece of ${piece.byteLength} bytes where ${due} are due`);
    }
    bytes.set(piece, at);
  }
  return bytes;
}
