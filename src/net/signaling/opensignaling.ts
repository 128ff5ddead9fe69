/**
 * Opens the signaling of a room's page: to other tabs of this browser, and to the signaling server or the MQTT broker if
 * there is one.
 */
import { BroadcastSignaling } from './broadcastsignaling';
import { MergedSignaling } from './mergedsignaling';
import { deriveRoom, type RoomKey } from './roomkey';
import { brokerOf } from './signaladdress';
import type { Presence, Signaling } from './signaling';
import { SocketSignaling } from './socketsignaling';

export interface RoomAddress {
  /** The room secret of the link (22 base64url characters). */
  readonly secret: string;
  /** Where the room meets (signaladdress.ts), null for this browser only. */
  readonly signaling: string | null;
}

/** Opens signaling for `presence`. Throws InputError for a malformed secret. */
export async function openSignaling({ secret, signaling }: RoomAddress, presence: Presence): Promise<Signaling> {
  const room = await deriveRoom(secret);
  const here = new BroadcastSignaling({ room, presence, locks: navigator.locks });
  if (signaling === null) return here;
  return new MergedSignaling([here, await openFar(signaling, room, presence)]);
}

async function openFar(address: string, room: RoomKey, presence: Presence): Promise<Signaling> {
  const broker = brokerOf(address);
  if (broker === undefined) {
    return new SocketSignaling({ url: address, room, presence, connect: (url) => new WebSocket(url) });
  }
  const [{ MqttSignaling }, { connectMqtt }] = await Promise.all([import('./mqttsignaling'), import('./mqttclient')]);
  return new MqttSignaling({ url: broker, room, presence, connect: connectMqtt });
}
