/**
 * Time-limited credentials for a TURN server that shares a secret with this one (coturn's use-auth-secret, the TURN REST
 * API): the name says until when they hold, and the password is an HMAC-SHA-1 of the name.
 */
import { createHmac } from 'node:crypto';
import type { Services } from '../net/signaling/signalwire';

/** The TURN server of `--turn` and the secret that it knows, too. */
export interface TurnServer {
  /** `turn:host:port` or `turns:host:port`, with `?transport=tcp` or without. */
  readonly urls: readonly string[];
  readonly secret: string;
}

/** Peers get new credentials at half this time, ms. */
export const TURN_VALID_MS = 12 * 3_600_000;

/** Credentials of `peer` from `nowMs` (wall clock) on. */
export function turnFor({ urls, secret }: TurnServer, peer: string, nowMs: number): NonNullable<Services['turn']> {
  const username = `${Math.floor((nowMs + TURN_VALID_MS) / 1000)}:${peer}`;
  return { urls: [...urls], username, credential: createHmac('sha1', secret).update(username).digest('base64') };
}
