/** Checks and cleans the presence of a peer, because its names come from strangers and are shown to users. */
import * as v from 'valibot';
import { ProtocolError } from '../../errors';
import type { PeerId } from '../../plan/mesh';
import { questionSchema } from './question';
import { showable } from './showable';
import type { Presence } from './signaling';

const MAX_NAME_CODE_POINTS = 32;

export const cleanName = (name: string): string => showable(name, MAX_NAME_CODE_POINTS);

/** Limit of the sentence with which a peer says why it left. */
export const MAX_REASON_CHARACTERS = 200;

/** The first line of `reason`, without characters that could mislead the reader and not longer than the limit. */
export const cleanReason = (reason: string): string => showable(reason.split('\n', 1)[0]!, MAX_REASON_CHARACTERS);

const shortText = v.pipe(v.string(), v.maxLength(256));
const presence = v.object({
  name: v.pipe(shortText, v.transform(cleanName)),
  adapter: v.pipe(shortText, v.transform(cleanName)),
  state: v.picklist(['observer', 'willing', 'paused']),
  hidden: v.boolean(),
  build: shortText,
  run: shortText,
  machine: v.optional(v.pipe(v.string(), v.regex(/^[0-9a-f]{16}$/))),
  index: v.optional(v.pipe(v.number(), v.integer(), v.minValue(0), v.maxValue(4095))),
  signal: v.optional(v.boolean()),
  watch: v.optional(v.boolean()),
  left: v.optional(v.pipe(shortText, v.transform(cleanReason))),
  question: v.nullish(questionSchema),
  holds: v.optional(v.pipe(v.number(), v.integer(), v.minValue(0), v.maxValue(Number.MAX_SAFE_INTEGER))),
});

/** The presence of `peer`; an id inside `value` is ignored. Throws ProtocolError when `value` is malformed. */
export function parsePresence(peer: PeerId, value: unknown): Presence {
  const result = v.safeParse(presence, value, { abortEarly: true });
  if (!result.success) {
    throw new ProtocolError(`peer ${peer} announced a malformed presence: ${result.issues[0].message}`);
  }
  const { machine, index, signal, watch, left, holds, question, ...rest } = result.output;
  return {
    peer,
    ...rest,
    ...(machine === undefined ? {} : { machine }),
    ...(index === undefined ? {} : { index }),
    ...(signal ? { signal } : {}),
    ...(watch ? { watch } : {}),
    ...(left ? { left } : {}),
    ...(holds ? { holds } : {}),
    ...(question ? { question } : {}),
  };
}
