/** What the signaling server offers for links, as addresses relative to its own. */
import { RELAY_PATH } from './signaladdress';
import type { RelayAddress } from './signaling';
import type { Services } from './signalwire';

/** The STUN and TURN servers named by the signaling server at `url`. */
export function iceServersOf({ stun, turn }: Services, url: string): readonly RTCIceServer[] {
  const own = stun === undefined ? [] : [{ urls: `stun:${new URL(url).hostname}:${stun}` }];
  return turn ? [...own, turn] : own;
}

/** The relay of the signaling server at `url`; undefined if it has none. */
export function relayOf({ relay }: Services, url: string, room: string, peer: string): RelayAddress | undefined {
  if (relay === undefined) return undefined;
  return { url: new URL(`.${RELAY_PATH}`, url).href, hello: JSON.stringify({ v: 1, room, peer, ticket: relay }) };
}
