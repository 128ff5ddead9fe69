/**
 * The rooms of the signaling server: tracks which peers are in which room and forwards sealed envelopes. Uses sockets
 * through a small interface, keeps no queue for absent peers, and keeps nothing of a room after its last peer has left.
 */
import { ProtocolError } from '../errors';
import { TokenBucket } from '../net/signaling/bucket';
import {
  type ClientMessage,
  parseClientMessage,
  SERVER_RATE,
  type ServerMessage,
  type Services,
  SIGNALING_VERSION,
} from '../net/signaling/signalwire';
import type { PeerId } from '../plan/mesh';

export const LIMITS = {
  rooms: 1_000,
  peersPerRoom: 256,
  sockets: 2_000,
  /** A socket with more than this many unsent bytes is closed, because its client does not read. */
  backlogBytes: 1024 * 1024,
  helloWithinMs: 5_000,
  pingEveryMs: 15_000,
} as const;

/** WebSocket close codes (RFC 6455). */
export const CLOSE = { protocol: 1002, binary: 1003, policy: 1008, busy: 1013 } as const;

/** The part of a socket that the hub uses. */
export interface HubSocket {
  send(text: string): void;
  close(code: number, reason: string): void;
  /** Bytes that `send` has accepted and that are not yet on the network. */
  readonly backlogBytes: number;
}

interface Member {
  readonly socket: HubSocket;
  readonly token: string;
  seal: string;
}

interface Permissions {
  /** Takes a message from the rate that the socket shares with others of its address. */
  readonly takeShared: () => boolean;
  /** Whether the socket may open a room that nobody is in. */
  readonly mayOpen: boolean;
}
const MAY_ALL: Permissions = { takeShared: () => true, mayOpen: true };

/** The hub's side of one socket. */
export interface HubConnection {
  /** True once a hello was accepted. */
  readonly greeted: boolean;
  /** Handle one text frame. Does not throw on a malformed one: it closes the socket. */
  receive(text: string): void;
  /** Tell the peer its services again: some of them end. */
  renew(): void;
  /** Call when the socket has closed, for any reason. */
  closed(): void;
}

export class Hub {
  readonly #rooms = new Map<string, Map<PeerId, Member>>();

  constructor(
    private readonly now: () => number = () => performance.now(),
    private readonly limits: { readonly rooms: number; readonly peersPerRoom: number } = LIMITS,
    private readonly services: (room: string, peer: PeerId) => Services = () => ({}),
  ) {}

  get roomCount(): number {
    return this.#rooms.size;
  }

  connect(socket: HubSocket, { takeShared, mayOpen }: Permissions = MAY_ALL): HubConnection {
    const bucket = new TokenBucket(SERVER_RATE, this.now);
    let place: { readonly room: string; readonly peer: PeerId } | undefined;
    return {
      get greeted() {
        return place !== undefined;
      },
      receive: (text) => {
        try {
          if (!bucket.take()) throw new ProtocolError(`more than ${SERVER_RATE.perSecond} messages a second`);
          if (!takeShared()) throw new ProtocolError('too many messages from this address');
          const message = parseClientMessage(text);
          if (message.t === 'hello') {
            if (place) throw new ProtocolError('a second hello on one socket');
            if (this.#enter(socket, message, mayOpen)) place = { room: message.room, peer: message.peer };
          } else if (!place) throw new ProtocolError(`"${message.t}" before hello`);
          else if (message.t === 'announce') this.#announce(place.room, place.peer, message.seal);
          else this.#forward(place.room, place.peer, message.to, message.seal);
        } catch (error) {
          if (!(error instanceof ProtocolError)) throw error;
          // The limit of a close reason is 123 bytes.
          socket.close(CLOSE.policy, error.message.slice(0, 100));
        }
      },
      renew: () => {
        if (place) this.#send(socket, { t: 'services', services: this.services(place.room, place.peer) });
      },
      closed: () => {
        if (place) this.#leave(place.room, place.peer, socket);
        place = undefined;
      },
    };
  }

  #enter(socket: HubSocket, hello: Extract<ClientMessage, { t: 'hello' }>, mayOpen: boolean): boolean {
    const room = this.#rooms.get(hello.room) ?? new Map<PeerId, Member>();
    const old = room.get(hello.peer);
    const refusal =
      hello.v !== SIGNALING_VERSION
        ? `This server speaks version ${SIGNALING_VERSION} of signaling and this peer version ${hello.v}: take the same version of Tabtrain for both.`
        : room.size === 0 && !mayOpen
          ? 'Nobody has the room of this link open here: open the link in a browser first, or copy the whole link again.'
          : room.size === 0 && this.#rooms.size >= this.limits.rooms
            ? `This server already serves ${this.limits.rooms} rooms, which is its limit.`
            : !old && room.size >= this.limits.peersPerRoom
              ? `This room already has ${this.limits.peersPerRoom} peers, which is its limit.`
              : old && old.token !== hello.token
                ? 'Another peer of this room already has this id: reload the page.'
                : undefined;
    if (refusal) {
      this.#send(socket, { t: 'refused', sentence: refusal });
      socket.close(CLOSE.busy, 'refused');
      return false;
    }
    this.#rooms.set(hello.room, room);
    // A new socket of the same peer (its network changed) replaces the old one, whose close is not announced.
    room.set(hello.peer, { socket, token: hello.token, seal: hello.seal });
    old?.socket.close(CLOSE.policy, 'replaced by a newer socket of the same peer');
    const peers = [...room].filter(([peer]) => peer !== hello.peer).map(([peer, { seal }]) => ({ peer, seal }));
    this.#send(socket, { t: 'room', peers, services: this.services(hello.room, hello.peer) });
    this.#tell(room, hello.peer, { t: 'here', peer: hello.peer, seal: hello.seal });
    return true;
  }

  #announce(roomId: string, peer: PeerId, seal: string): void {
    const room = this.#rooms.get(roomId);
    const member = room?.get(peer);
    if (!room || !member) return;
    member.seal = seal;
    this.#tell(room, peer, { t: 'here', peer, seal });
  }

  #forward(roomId: string, from: PeerId, to: PeerId, seal: string): void {
    const target = this.#rooms.get(roomId)?.get(to);
    if (target) this.#send(target.socket, { t: 'from', peer: from, seal });
  }

  #leave(roomId: string, peer: PeerId, socket: HubSocket): void {
    const room = this.#rooms.get(roomId);
    if (!room || room.get(peer)?.socket !== socket) return;
    room.delete(peer);
    if (room.size === 0) this.#rooms.delete(roomId);
    else this.#tell(room, peer, { t: 'left', peer });
  }

  #tell(room: ReadonlyMap<PeerId, Member>, except: PeerId, message: ServerMessage): void {
    for (const [peer, member] of room) if (peer !== except) this.#send(member.socket, message);
  }

  #send(socket: HubSocket, message: ServerMessage): void {
    if (socket.backlogBytes > LIMITS.backlogBytes) socket.close(CLOSE.policy, 'this socket does not read');
    else socket.send(JSON.stringify(message));
  }
}
