/**
 * The relay of the server: passes sealed messages between two peers of a room that cannot reach each other. It cannot read
 * them. Uses sockets through a small interface. Senders get turns, one message each, so none can crowd out another; what
 * a receiver does not take waits here only up to limits that no honest sender reaches, because links have a window.
 */
import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto';
import { ProtocolError } from '../errors';
import { RelayKind, relayKindOf, relayMessage, relayPeerOf, setRelayPeer } from '../net/relay/relaywire';
import { TokenBucket } from '../net/signaling/bucket';
import { WINDOW } from '../net/wire/window';
import type { PeerId } from '../plan/mesh';
import { CLOSE } from './hub';
import { MAX_RELAY_BYTES, parseRelayHello } from './relayhello';

const MB = 1024 * 1024;

export interface RelayLimits {
  /** Bytes that one socket may send. A socket that sends more is not read from until it may again. */
  readonly perSocket: { readonly perSecond: number; readonly burst: number };
  /** Bytes that the server passes on. Beyond it messages wait, and senders get turns. */
  readonly all: { readonly perSecond: number; readonly burst: number };
  /** Most bytes that wait from one sender for one receiver. A sender with more does not keep its window: it is closed. */
  readonly pairBytes: number;
  /** Most bytes that wait for one receiver, and for all. A receiver with more does not read: it is closed. */
  readonly receiverBytes: number;
  readonly allBytes: number;
  /** Messages go to a socket only while fewer bytes than this wait in it. */
  readonly backlogBytes: number;
}

export const RELAY_LIMITS: RelayLimits = {
  perSocket: { perSecond: 64 * MB, burst: 16 * MB },
  all: { perSecond: 256 * MB, burst: 64 * MB },
  pairBytes: WINDOW.maxBytes + MB,
  receiverBytes: 32 * MB,
  allBytes: 256 * MB,
  backlogBytes: 256 * 1024,
};
/** What a message counts in every budget: its bytes and what it takes besides, so that many small ones are limited too. */
const costOf = (message: Uint8Array) => message.length + 512;
/** Longest pause before the budget of the server is looked at again, ms. */
const MOST_WAIT_MS = 20;

/** The part of a socket that the relay uses. */
export interface RelaySocket {
  /** `sent`: called when the message has left this process, or cannot. */
  send(message: Uint8Array, sent: () => void): void;
  close(code: number, reason: string): void;
  /** Stop and go on reading from this socket. */
  pause(): void;
  resume(): void;
  /** Bytes that `send` has accepted and that are not yet on the network. */
  readonly backlogBytes: number;
}

interface Member {
  readonly room: string;
  readonly peer: PeerId;
  readonly socket: RelaySocket;
  readonly bucket: TokenBucket;
  /** What waits from this sender, by receiver. */
  readonly waiting: Map<Member, { readonly messages: Uint8Array[]; bytes: number }>;
  /** Peers with which it has exchanged a message: they are told when it goes. */
  readonly partners: Set<Member>;
  /** Bytes that wait for it from all senders. */
  waitingBytes: number;
  isGone: boolean;
}

/** The relay's side of one socket. */
interface RelayConnection {
  /** True once the hello was accepted. */
  readonly greeted: boolean;
  /** Handle the first message. Does not throw on a malformed one: it closes the socket. */
  greet(text: string): void;
  /** Handle one binary message, whose head it changes. */
  receive(message: Uint8Array): void;
  /** Call when the socket has closed, for any reason. */
  closed(): void;
}

export class RelayRooms {
  readonly #secret = randomBytes(32);
  readonly #rooms = new Map<string, Map<PeerId, Member>>();
  /** Senders of which messages wait, next one first. */
  readonly #senders = new Set<Member>();
  readonly #budget: TokenBucket;
  #waitingBytes = 0;
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(
    private readonly limits: RelayLimits = RELAY_LIMITS,
    private readonly now: () => number = () => performance.now(),
  ) {
    this.#budget = new TokenBucket(limits.all, now);
  }

  /** Bytes that wait for receivers now. */
  get waitingBytes(): number {
    return this.#waitingBytes;
  }

  /** The ticket by which `peer`, which has entered `room`, may use the relay. No state: it is a code of both. */
  ticketOf(room: string, peer: PeerId): string {
    return createHmac('sha256', this.#secret).update(`${room}\n${peer}`).digest('base64url').slice(0, 22);
  }

  connect(socket: RelaySocket): RelayConnection {
    let member: Member | undefined;
    const guard = (handle: () => void) => {
      try {
        handle();
      } catch (error) {
        if (!(error instanceof ProtocolError)) throw error;
        socket.close(CLOSE.policy, error.message.slice(0, 100));
      }
    };
    return {
      get greeted() {
        return member !== undefined;
      },
      greet: (text) =>
        guard(() => {
          if (member) throw new ProtocolError('a second hello on one socket');
          member = this.#enter(socket, text);
        }),
      receive: (message) =>
        guard(() => {
          if (!member) throw new ProtocolError('a message before hello');
          this.#receive(member, message);
        }),
      closed: () => {
        if (member) this.#leave(member);
      },
    };
  }

  /** Forget what waits. The sockets are closed by their owner. */
  close(): void {
    clearTimeout(this.#timer);
    this.#senders.clear();
    this.#rooms.clear();
  }

  #enter(socket: RelaySocket, text: string): Member {
    const { room: named, peer, ticket, use } = parseRelayHello(text);
    if (!timingSafeEqual(Buffer.from(ticket), Buffer.from(this.ticketOf(named, peer)))) {
      throw new ProtocolError('the ticket is not of this server: enter the room again');
    }
    // why: a page and its Worker are one peer with a socket each; sockets meet those of the same use
    const id = use === undefined ? named : `${named} ${use}`;
    const room = this.#rooms.get(id) ?? new Map<PeerId, Member>();
    const old = room.get(peer);
    old?.socket.close(CLOSE.policy, 'replaced by a newer socket of the same peer');
    if (old) this.#leave(old);
    const member: Member = {
      room: id,
      peer,
      socket,
      bucket: new TokenBucket(this.limits.perSocket, this.now),
      waiting: new Map(),
      partners: new Set(),
      waitingBytes: 0,
      isGone: false,
    };
    this.#rooms.set(id, room.set(peer, member));
    return member;
  }

  #receive(from: Member, message: Uint8Array): void {
    if (from.isGone) return;
    const kind = relayKindOf(message);
    if (kind === undefined || message.length > MAX_RELAY_BYTES) throw new ProtocolError('a malformed message');
    const waitMs = from.bucket.spend(costOf(message));
    if (waitMs > 0) this.#pause(from, waitMs);
    const to = this.#rooms.get(from.room)?.get(relayPeerOf(message));
    // Nothing is kept for a peer that is not here: its end of the link greets when it comes.
    if (!to || to === from) return;
    from.partners.add(to);
    to.partners.add(from);
    setRelayPeer(message, from.peer);
    this.#enqueue(from, to, message);
    this.#pump();
  }

  #pause(from: Member, waitMs: number): void {
    from.socket.pause();
    setTimeout(() => {
      if (!from.isGone) from.socket.resume();
    }, waitMs);
  }

  #enqueue(from: Member, to: Member, message: Uint8Array): void {
    const cost = costOf(message);
    const queue = from.waiting.get(to) ?? { messages: [], bytes: 0 };
    if (queue.bytes + cost > this.limits.pairBytes) {
      throw new ProtocolError(`more than ${this.limits.pairBytes} bytes wait for one receiver`);
    }
    queue.messages.push(message);
    queue.bytes += cost;
    to.waitingBytes += cost;
    this.#waitingBytes += cost;
    from.waiting.set(to, queue);
    this.#senders.add(from);
    if (to.waitingBytes > this.limits.receiverBytes) this.#expel(to);
    else if (this.#waitingBytes > this.limits.allBytes) this.#expel(this.#slowest());
  }

  #expel(member: Member): void {
    this.#leave(member);
    member.socket.close(CLOSE.policy, 'this socket does not read');
  }

  /** The receiver for which most bytes wait. */
  #slowest(): Member {
    const all = [...this.#rooms.values()].flatMap((room) => [...room.values()]);
    return all.reduce((slowest, member) => (member.waitingBytes > slowest.waitingBytes ? member : slowest));
  }

  /** Pass on what can go now: one message of each sender in turn. */
  #pump(): void {
    let blocked = 0;
    while (this.#senders.size > blocked) {
      const waitMs = this.#budget.waitMs();
      if (waitMs > 0) {
        this.#timer ??= setTimeout(
          () => {
            this.#timer = undefined;
            this.#pump();
          },
          Math.min(waitMs, MOST_WAIT_MS),
        );
        return;
      }
      const sender: Member = this.#senders.values().next().value!;
      // to the end of the turns
      this.#senders.delete(sender);
      const to = [...sender.waiting.keys()].find(({ socket }) => socket.backlogBytes < this.limits.backlogBytes);
      if (to) {
        blocked = 0;
        this.#pass(sender, to);
      } else blocked += 1;
      if (sender.waiting.size > 0) this.#senders.add(sender);
    }
  }

  #pass(sender: Member, to: Member): void {
    const queue = sender.waiting.get(to)!;
    const message = queue.messages.shift()!;
    queue.bytes -= costOf(message);
    this.#forget(to, costOf(message));
    // its receivers get turns, too
    sender.waiting.delete(to);
    if (queue.messages.length > 0) sender.waiting.set(to, queue);
    this.#budget.spend(costOf(message));
    to.socket.send(message, () => this.#pump());
  }

  #leave(member: Member): void {
    if (member.isGone) return;
    member.isGone = true;
    const room = this.#rooms.get(member.room);
    if (room?.get(member.peer) === member) room.delete(member.peer);
    if (room?.size === 0) this.#rooms.delete(member.room);
    this.#senders.delete(member);
    for (const [to, { bytes }] of member.waiting) this.#forget(to, bytes);
    member.waiting.clear();
    for (const partner of member.partners) {
      const queue = partner.waiting.get(member);
      if (queue) this.#forget(member, queue.bytes);
      partner.waiting.delete(member);
      if (partner.waiting.size === 0) this.#senders.delete(partner);
      partner.partners.delete(member);
      if (!partner.isGone) {
        partner.socket.send(relayMessage(member.peer, RelayKind.gone, new Uint8Array(0)), () => {});
      }
    }
    member.partners.clear();
  }

  #forget(to: Member, bytes: number): void {
    to.waitingBytes -= bytes;
    this.#waitingBytes -= bytes;
  }
}
