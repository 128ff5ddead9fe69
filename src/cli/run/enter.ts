/**
 * How a program enters the room of a page's link. Every reason why it cannot is one sentence. The program joins only a
 * room that is open, of pages of its own build.
 */
import { WebSocket } from 'ws';
import { ConnectError, InputError } from '../../errors';
import { openRoom, type Room } from '../../net/room/room';
import { BUILD } from '../../net/signaling/build';
import { cleanName, cleanReason } from '../../net/signaling/presence';
import { deriveRoom, newPeerId, type RoomKey, secretOfFragment } from '../../net/signaling/roomkey';
import { brokerOf, signalingAddress } from '../../net/signaling/signaladdress';
import type { Presence, Signaling } from '../../net/signaling/signaling';
import { SocketSignaling } from '../../net/signaling/socketsignaling';
import { nodeConnect } from './nodeengine';

interface RoomLink {
  readonly secret: string;
  /** Where the room meets (net/signaling/signaladdress.ts). */
  readonly signaling: string;
}

/** The longest that the server may take to answer. */
const ANSWER_MS = 15_000;

/** Reads the link of a room as pages show it. Throws InputError for anything else. */
export function readLink(text: string): RoomLink {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  const isOfPage = url?.protocol === 'https:' || url?.protocol === 'http:';
  const secret = isOfPage ? secretOfFragment(url.hash.replaceAll('&amp;', '&')) : undefined;
  if (!url || secret === undefined) {
    throw new InputError(
      `${JSON.stringify(text)} is not the link of a room: copy it from the page, in quotation marks; it looks like "http://host:8080/#room=" with 22 more letters, digits, - or _.`,
    );
  }
  return { secret, signaling: signalingAddress(url.href) };
}

/**
 * Enters the room of `link` under `name`. Throws ConnectError if the server does not answer, refuses or has nobody in the
 * room, InputError if the pages in the room have another build.
 */
export async function enterRoom({ secret, signaling: address }: RoomLink, name: string): Promise<Room> {
  const presence: Presence = {
    peer: newPeerId(),
    name: cleanName(name),
    adapter: '',
    state: 'observer',
    hidden: false,
    build: BUILD,
    run: '',
  };
  const { signaling, reason } = await openMedium(address, await deriveRoom(secret), presence);
  try {
    await answered(signaling, address, reason);
    checkOthers(signaling);
    const connectPeer = await nodeConnect();
    return openRoom({ signaling, presence, loadConnect: async () => connectPeer });
  } catch (error) {
    signaling.close();
    throw error;
  }
}

interface Medium {
  readonly signaling: Signaling;
  /** Why the server's socket failed or was closed; '' if the medium's own sentence says it. */
  readonly reason: () => string;
}

async function openMedium(address: string, room: RoomKey, presence: Presence): Promise<Medium> {
  const broker = brokerOf(address);
  if (broker !== undefined) {
    const { MqttSignaling } = await import('../../net/signaling/mqttsignaling');
    const { connectMqtt } = await import('../../net/signaling/mqttclient');
    return {
      signaling: new MqttSignaling({ url: broker, room, presence, connect: connectMqtt }),
      reason: () => '',
    };
  }
  let reason = '';
  const connect = (url: string) => {
    // why any certificate: servers on a LAN sign their own, and signaling is sealed by the link's secret, not by TLS
    const socket = new WebSocket(url, { handshakeTimeout: ANSWER_MS, rejectUnauthorized: false });
    socket.on('error', ({ message, code }: NodeJS.ErrnoException) => {
      reason = message || String(code);
    });
    socket.on('close', (_, said) => {
      reason ||= String(said);
    });
    return socket;
  };
  return { signaling: new SocketSignaling({ url: address, room, presence, connect }), reason: () => reason };
}

async function answered(signaling: Signaling, address: string, reason: () => string): Promise<void> {
  const stops: (() => void)[] = [];
  try {
    await new Promise<void>((resolve, reject) => {
      const refuse = (why: string) => reject(new ConnectError(`The signaling server ${address} ${why}`));
      const timer = setTimeout(() => refuse(`did not answer within ${ANSWER_MS / 1000} s.`), ANSWER_MS);
      const stop = signaling.onTrouble((sentence) => {
        if (reason() === '') reject(new ConnectError(cleanReason(sentence.replace('; trying again', ''))));
        else refuse(`cannot be reached (${cleanReason(reason())}): does Tabtrain run at the address of the link?`);
      });
      stops.push(stop, () => clearTimeout(timer));
      void signaling.met.then(resolve);
    });
  } finally {
    for (const stop of stops) stop();
  }
}

/** Throws ConnectError if nobody is in the room, InputError if nobody there has the build of this program. */
function checkOthers(signaling: Signaling): void {
  let others: readonly Presence[] = [];
  signaling.onRoster((roster) => {
    others = [...roster.values()].filter(({ peer }) => peer !== signaling.self);
  })();
  const [first] = others;
  if (!first) throw new ConnectError('Nobody is in the room of this link: open the link in a browser first.');
  if (others.some(({ build }) => build === BUILD)) return;
  throw new InputError(
    `The pages in this room have build ${cleanReason(first.build)} and this program has build ${BUILD}: take both from the same version of Tabtrain, and reload pages that were open before an update.`,
  );
}
