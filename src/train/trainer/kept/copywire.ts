/**
 * How a copy of the state goes from a rank to a peer in reserve: a head, its answer, the text if it lacks that, and the
 * arrays of parameters and moments (docs/protocol.md). Everything that arrives is checked.
 */
import * as v from 'valibot';
import { ProtocolError, sentenceOf } from '../../../errors';
import type { Tag } from '../../../net/wire/transport';
import { isWholeOnAll } from '../../../plan/plan';
import { type Cutting, checks } from '../../state/exchange';
import type { RankState } from '../../state/state';
import { KINDS } from '../../state/transfer';

/** What is copied: a state of the whole model, and the text of the run. */
interface CopyHead {
  readonly step: number;
  readonly generation: number;
  readonly cutting: Cutting;
  /** Size of the vocabulary, which the run file may leave open. */
  readonly vocab: number;
  readonly text: { readonly sizeBytes: number; readonly hash: string };
}

/** The tag under which a peer in reserve waits for the next copy in a generation. */
export const headTag = (generation: number): Tag => `${generation}/0/copy`;
/** The beginning of the tags of one copy; a generation copies a step once. */
export const copyTag = (generation: number, step: number): Tag => `${generation}/${step}/copy`;

const head = v.object({
  step: checks.count,
  generation: checks.count,
  cutting: v.pipe(
    checks.cutting,
    v.check(({ plan }) => isWholeOnAll(plan)),
  ),
  vocab: v.pipe(checks.count, v.minValue(1), v.maxValue(1 << 24)),
  text: checks.text,
});
const answer = v.object({ wantsText: v.boolean() });

export const packHead = (said: CopyHead): Uint8Array => encode(said);
export const packAnswer = (wantsText: boolean): Uint8Array => encode({ wantsText });

/** Throws ProtocolError for a malformed head. */
export const readHead = (bytes: Uint8Array): CopyHead => decode(head, bytes);
/** Throws ProtocolError for a malformed answer. */
export const readAnswer = (bytes: Uint8Array): { readonly wantsText: boolean } => decode(answer, bytes);

function encode(value: unknown): Uint8Array {
  return new TextEncoder().encode(JSON.stringify(value));
}

function decode<T>(schema: v.GenericSchema<unknown, T>, bytes: Uint8Array): T {
  try {
    return v.parse(schema, JSON.parse(new TextDecoder().decode(bytes)));
  } catch (error) {
    throw new ProtocolError(`a copy of the state was announced malformed: ${sentenceOf(error)}`);
  }
}

/** The arrays of a state in the order in which they are sent, and the end of the tag of each. */
export function* arraysOf(state: RankState): Generator<readonly [string, Float32Array]> {
  for (const [array] of KINDS) for (const [unit, values] of state[array]) yield [`${array}${unit}`, values];
}
