/** Opens the signaling of a room's page: to other tabs of this browser, and to the signaling server if there is one. */
import { BroadcastSignaling } from './broadcastsignaling';
import { MergedSignaling } from './mergedsignaling';
import { deriveRoom } from './roomkey';
import type { Presence, Signaling } from './signaling';
import { SocketSignaling } from './socketsignaling';

export interface RoomAddress {
  /** The room secret of the link (22 base64url characters). */
  readonly secret: string;
  /** Address of the signaling server (`wss://host/signal`), null for this browser only. */
  readonly signaling: string | null;
}

/** Opens signaling for `presence`. Throws InputError for a malformed secret. */
export async function openSignaling({ secret, signaling }: RoomAddress, presence: Presence): Promise<Signaling> {
  const room = await deriveRoom(secret);
  const here = new BroadcastSignaling({ room, presence, locks: navigator.locks });
  if (signaling === null) return here;
  const server = new SocketSignaling({ url: signaling, room, presence, connect: (url) => new WebSocket(url) });
  return new MergedSignaling([here, server]);
}
