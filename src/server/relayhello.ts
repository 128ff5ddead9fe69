/** What the relay checks of a message besides its kind. Apart from relaywire.ts, so that pages do not load it. */
import * as v from 'valibot';
import { ProtocolError } from '../errors';
import { RELAY_HEAD_BYTES, RELAY_TAG_BYTES } from '../net/relay/relaywire';
import { MAX_FRAME_BYTES } from '../net/wire/frames';

/** Longest message: one sealed frame. */
export const MAX_RELAY_BYTES = RELAY_HEAD_BYTES + MAX_FRAME_BYTES + RELAY_TAG_BYTES;

const hello = v.strictObject({
  v: v.literal(1),
  room: v.pipe(v.string(), v.regex(/^[A-Za-z0-9_-]{22}$/)),
  peer: v.pipe(v.string(), v.regex(/^[0-9a-f]{12}$/)),
  ticket: v.pipe(v.string(), v.regex(/^[A-Za-z0-9_-]{22}$/)),
  /** The page's socket for watching; absent for that of its Worker's links. */
  use: v.exactOptional(v.literal('watch')),
});
type RelayHello = v.InferOutput<typeof hello>;

/** Checks the first message of a socket. Throws ProtocolError when it is malformed. */
export function parseRelayHello(text: string): RelayHello {
  try {
    return v.parse(hello, JSON.parse(text));
  } catch {
    throw new ProtocolError('the first message of a relay socket is malformed');
  }
}
