/**
 * A page that computes nothing and watches the room. As signal page it declares the generations while it is open (of
 * several signal pages, the one with the lowest id does), and other pages obey its orders. Otherwise it only listens.
 */
import { PlanError, ProtocolError } from '../errors';
import { realClock } from '../net/clock';
import type { Change } from '../net/membership/change';
import type { Declaration } from '../net/membership/declaration';
import { RoomMembership } from '../net/membership/roommembership';
import { openRoom } from '../net/room/room';
import type { WatchLink } from '../net/room/watch';
import { BUILD } from '../net/signaling/build';
import { openSignaling, type RoomAddress } from '../net/signaling/opensignaling';
import { cleanName } from '../net/signaling/presence';
import { type RoomQuestion, type Vote, voteOf } from '../net/signaling/question';
import { newPeerId } from '../net/signaling/roomkey';
import type { LinkWays, Presence } from '../net/signaling/signaling';
import type { PeerId } from '../plan/mesh';
import { parsePlan } from '../plan/plan';
import { hashRunFile } from '../train/hash';
import { type RunFile, readRunFile } from '../train/runfile';
import { fitRun } from './fit';
import type { Order } from './watch/orders';

export interface HostOptions extends RoomAddress {
  readonly name: string;
  readonly signal: boolean;
  /** Everybody in the room, this page included, at every change. */
  readonly onRoster: (roster: ReadonlyMap<PeerId, Presence>) => void;
  readonly onWatchLink: (link: WatchLink) => void;
  /** Called when what the room agrees on has changed; `run` is null before there is one. */
  readonly onRoom: (newest: Declaration, run: RunFile | null) => void;
  /** A page of the room has voted on a question. */
  readonly onVote?: (from: PeerId, vote: Vote) => void;
  /** Called with a sentence when the room cannot be used as it should, and with '' when it can again. */
  readonly onTrouble: (sentence: string) => void;
}

export interface Host {
  readonly self: PeerId;
  ways(): LinkWays;
  /** Asks for a change that takes effect at the next step border. */
  ask(change: Omit<Change, 'run'>): void;
  /** Trains `run` from its seed with all willing peers, under its plan fitted to the number of peers. */
  start(run: RunFile): Promise<void>;
  order(peer: PeerId, order: Order): void;
  /** Ask everybody in the room; null ends the question. */
  question(question: RoomQuestion | null): void;
  /** Vote on the question of the signal page `to`. */
  vote(to: PeerId, vote: Vote): void;
  close(): void;
}

export async function openHost(options: HostOptions): Promise<Host> {
  const presence: Presence = {
    peer: newPeerId(),
    name: cleanName(options.name),
    adapter: '',
    state: 'observer',
    hidden: document.hidden,
    build: BUILD,
    run: '',
    watch: true,
    ...(options.signal ? { signal: true } : {}),
  };
  const room = openRoom({
    signaling: await openSignaling(options, presence),
    presence,
    loadConnect: async () => (await import('../net/room/webrtc')).connectPeer,
  });
  let known = '';
  const membership: RoomMembership = new RoomMembership({
    self: room.self,
    clock: realClock,
    build: BUILD,
    run: { text: '', hash: '' },
    plan: parsePlan({}),
    fit: fitRun,
    send: (to, message) => room.send(to, message),
    // it needs no links: it never takes part
    want: () => {},
    holds: () => {},
    left: () => {},
    adopt: () => {},
    question: () => {},
    onChange: () => {
      const { newest } = membership;
      const said = JSON.stringify(newest);
      if (said === known) return;
      known = said;
      options.onRoom(newest, runOf(newest.run));
    },
  });
  room.onWatchLink(options.onWatchLink);
  room.onTrouble(options.onTrouble);
  room.onMessage((from, message) => {
    try {
      membership.receive(from, message);
    } catch (error) {
      // A peer that breaks the protocol is ignored and must not stop the ones that keep it.
      if (!(error instanceof ProtocolError)) throw error;
    }
  });
  room.onOrder((from, value) => {
    const vote = voteOf(value);
    if (vote) options.onVote?.(from, vote);
  });
  room.onRoster((roster) => {
    membership.setRoster(roster);
    options.onRoster(roster);
  });
  const onVisibility = () => room.announce({ hidden: document.hidden });
  document.addEventListener('visibilitychange', onVisibility);
  const close = () => {
    document.removeEventListener('visibilitychange', onVisibility);
    room.close();
  };
  addEventListener('pagehide', close, { once: true });
  return {
    self: room.self,
    ways: () => room.ways,
    ask: (change) => membership.ask(change),
    async start(run) {
      const { plan } = run;
      const hash = await hashRunFile(run);
      const wanted = plan.dp * plan.pp * plan.tp > 1 ? { wanted: plan } : {};
      membership.ask({ run: { text: JSON.stringify(run), hash, plan }, ...wanted });
    },
    order: (peer, order) => room.order(peer, order),
    question: (question) => room.announce({ question }),
    vote: (to, vote) => room.order(to, vote),
    close() {
      removeEventListener('pagehide', close);
      close();
    },
  };
}

/** Null before there is a run, and if a peer declared a run that is not valid. */
function runOf(text: string): RunFile | null {
  try {
    return text === '' ? null : readRunFile(text);
  } catch (error) {
    if (!(error instanceof PlanError)) throw error;
    return null;
  }
}
