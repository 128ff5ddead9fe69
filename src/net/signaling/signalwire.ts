/**
 * The JSON messages between a peer and the signaling server, checked on both sides, and the limits of both sides.
 * The content is encrypted in `seal`; the server sees room id, peer ids and sizes. Described in docs/signaling.md.
 */
import * as v from 'valibot';
import { ProtocolError } from '../../errors';

export const SIGNALING_VERSION = 1;
/** Largest frame the server accepts; ws answers a larger one with close code 1009. */
export const MAX_ENVELOPE_BYTES = 64 * 1024;
/** Message rates of one socket. The client stays below the server's limit, so an honest client is never cut off. */
export const SERVER_RATE = { perSecond: 60, burst: 300 };
export const CLIENT_RATE = { perSecond: 40, burst: 200 };

const peer = v.pipe(v.string(), v.regex(/^[0-9a-f]{12}$/));
const seal = v.pipe(v.string(), v.maxLength(60_000), v.regex(/^[A-Za-z0-9_-]+$/));
const room = v.pipe(v.string(), v.regex(/^[A-Za-z0-9_-]{22}$/));
const here = v.object({ peer, seal });
/**
 * What the server offers for links besides signaling. `stun`: UDP port of its STUN responder, on the server's host.
 * `turn`: a TURN server and this peer's credentials. `relay`: its ticket for the server's relay (net/relay/relaywire.ts).
 */
const services = v.object({
  stun: v.optional(v.pipe(v.number(), v.integer(), v.minValue(1), v.maxValue(65_535))),
  turn: v.optional(v.object({ urls: v.array(v.string()), username: v.string(), credential: v.string() })),
  relay: v.optional(room),
});

const clientMessage = v.variant('t', [
  /**
   * First message. `token` is a random value of the peer: only its holder may use the same id on a new socket. The
   * server refuses another version `v` than its own with a sentence.
   */
  v.strictObject({ t: v.literal('hello'), v: v.pipe(v.number(), v.integer()), room, peer, token: room, seal }),
  v.strictObject({ t: v.literal('announce'), seal }),
  v.strictObject({ t: v.literal('send'), to: peer, seal }),
]);

const serverMessage = v.variant('t', [
  /** Answer to hello: the other peers of the room, each with its newest sealed presence. */
  v.object({ t: v.literal('room'), peers: v.array(here), services: v.optional(services, {}) }),
  /** Replaces the services of the answer: credentials of TURN hold for some hours. */
  v.object({ t: v.literal('services'), services }),
  v.object({ t: v.literal('here'), peer, seal }),
  v.object({ t: v.literal('left'), peer }),
  v.object({ t: v.literal('from'), peer, seal }),
  /** Followed by a close. `sentence` is shown to the user. */
  v.object({ t: v.literal('refused'), sentence: v.string() }),
]);

export type ClientMessage = v.InferOutput<typeof clientMessage>;
export type Services = v.InferOutput<typeof services>;
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

/** Checks a message from a peer. Throws ProtocolError when it is malformed. */
export const parseClientMessage = (text: string): ClientMessage => parse(clientMessage, text);
/** Checks a message from the server. Throws ProtocolError when it is malformed. */
export const parseServerMessage = (text: string): ServerMessage => parse(serverMessage, text);
