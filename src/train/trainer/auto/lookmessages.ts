/** What the ranks of a room under the plan `auto` say to each other at a look (chooser.ts), checked on receipt. */
import * as v from 'valibot';
import type { Probed } from '../../../plan/probed';

const ms = v.pipe(v.number(), v.finite(), v.minValue(0));
const rate = v.pipe(v.number(), v.finite(), v.minValue(1e-3));
const passes = v.object({ F: ms, I: ms, W: ms });
const sentence = v.pipe(v.string(), v.maxLength(2000));

const profile = v.object({
  passMs: v.object({ embed: passes, block: passes, head: passes }),
  launchMs: ms,
  stepMsPerMillion: ms,
  memoryBytes: ms,
  hostMs: ms,
  machine: v.exactOptional(v.pipe(v.string(), v.maxLength(64))),
});

const said = v.object({
  /** Null where the rank has not trained with the whole model yet. */
  profile: v.nullable(profile),
  /** Of rank 0, which leads: what comes next, and what it has chosen. */
  lead: v.nullable(
    v.object({
      /** The profiles are to be planned by. */
      looks: v.boolean(),
      /** All ranks measure their links now. */
      probes: v.boolean(),
      news: v.nullable(v.object({ why: sentence, offer: sentence, isAllowed: v.boolean() })),
    }),
  ),
});

const links = v.object({
  latencyMs: ms,
  bytesPerMs: rate,
  deviceBytesPerMs: rate,
  codeMsPerMillion: v.exactOptional(ms),
});
/** The probed links of a rank. */
const probed = v.object({
  links,
  near: v.exactOptional(links),
  relayed: v.exactOptional(links),
  relayedTo: v.exactOptional(v.pipe(v.array(v.pipe(v.number(), v.integer(), v.minValue(0))), v.maxLength(256))),
});

export type LookMessage = v.InferOutput<typeof said>;

export const lookBytes = (value: LookMessage | Probed): Uint8Array => new TextEncoder().encode(JSON.stringify(value));

/** Null for bytes that are not such a message. */
export const readLook = (bytes: Uint8Array): LookMessage | null => read(said, bytes);
/** Null for bytes that are not such a message. */
export const readProbed = (bytes: Uint8Array): Probed | null => read(probed, bytes);

function read<const Schema extends v.GenericSchema>(schema: Schema, bytes: Uint8Array): v.InferOutput<Schema> | null {
  try {
    const result = v.safeParse(schema, JSON.parse(new TextDecoder().decode(bytes)));
    return result.success ? result.output : null;
  } catch (error) {
    if (error instanceof SyntaxError) return null;
    throw error;
  }
}
