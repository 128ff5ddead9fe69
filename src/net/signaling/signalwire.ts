/**
 * The JSON between a peer and the signaling server, checked on both sides, and the limits both sides keep.
 * Everything a room says is inside `seal`; the server sees room id, peer ids and sizes. Described in docs/signaling.md.
 */
import * as v from 'valibot';
import { ProtocolError } from '../../errors';

export const SIGNALING_VERSION = 1;
/** Largest frame the server accepts; ws answers a larger one with close code 1009. */
export const MAX_ENVELOPE_BYTES = 64 * 1024;
/** Messages of one socket. The client paces itself below what the server enforces, so an honest one is never cut off. */
export const SERVER_RATE = { perSecond: 60, burst: 300 };
export const CLIENT_RATE = { perSecond: 40, burst: 200 };

const peer = v.pipe(v.string(), v.regex(/^[0-9a-f]{12}$/));
const seal = v.pipe(v.string(), v.maxLength(60_000), v.regex(/^[A-Za-z0-9_-]+$/));
const room = v.pipe(v.string(), v.regex(/^[A-Za-z0-9_-]{22}$/));
const here = v.object({ peer, seal });

const clientMessage = v.variant('t', [
  /** First message. `token` is the peer's own random; only its holder may take the same id over again. */
  v.strictObject({ t: v.literal('hello'), v: v.literal(SIGNALING_VERSION), room, peer, token: room, seal }),
  v.strictObject({ t: v.literal('announce'), seal }),
  v.strictObject({ t: v.literal('send'), to: peer, seal }),
]);

const serverMessage = v.variant('t', [
  /** Answer to hello: everybody else in the room, with their newest sealed presence. */
  v.object({ t: v.literal('room'), peers: v.array(here) }),
  v.object({ t: v.literal('here'), peer, seal }),
  v.object({ t: v.literal('left'), peer }),
  v.object({ t: v.literal('from'), peer, seal }),
  /** Followed by a close; `sentence` is for people. */
  v.object({ t: v.literal('refused'), sentence: v.string() }),
]);

export type ClientMessage = v.InferOutput<typeof clientMessage>;
export type ServerMessage = v.InferOutput<typeof serverMessage>;

function parse<const Schema extends v.GenericSchema>(schema: Schema, text: string): v.InferOutput<Schema> {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw new ProtocolError('a signaling message is not JSON');
  }
  const result = v.safeParse(schema, value, { abortEarly: true });
  if (!result.success) throw new ProtocolError(`a signaling message is malformed: ${result.issues[0].message}`);
  return result.output;
}

/** Throws ProtocolError. */
export const parseClientMessage = (text: string): ClientMessage => parse(clientMessage, text);
/** Throws ProtocolError. */
export const parseServerMessage = (text: string): ServerMessage => parse(serverMessage, text);
