/** The people in the room, from what peers announce, the generation and this tab's links. Pure. */
import { coordOf } from '../../plan/mesh';
import type { LinkStats, PeerId, Presence, RoomQuestion, TabStatus } from '../tab';

/** `willing`: takes part, as far as a tab that does not train itself can tell. */
type PersonState = 'training' | 'paused' | 'willing' | 'joining' | 'watching';

export interface Person {
  readonly peer: PeerId;
  readonly me: boolean;
  readonly name: string;
  readonly adapter: string;
  readonly software: boolean;
  /** Rank in the generation; null for a peer outside of it. */
  readonly rank: number | null;
  readonly state: PersonState;
  readonly hidden: boolean;
  /** Why the peer has left the training, in words that follow its name; '' if it did not fail. */
  readonly left: string;
  /** Samples that its replica computes in a step; null where the shares of the batch are equal. */
  readonly share: number | null;
  /** This tab's link to the peer; null if the plan needs none. */
  readonly link: LinkStats | null;
}

const SOFTWARE = /swiftshader|llvmpipe|lavapipe|basic render|warp/i;

/** Whether a processor does the work of a graphics chip, by the adapter's name. */
export const isSoftware = (adapter: string): boolean => SOFTWARE.test(adapter);

/** Members of the generation in rank order, then everybody else by name. */
export function peopleOf(
  self: PeerId,
  roster: ReadonlyMap<PeerId, Presence>,
  status: Pick<TabStatus, 'members' | 'links'> & Partial<Pick<TabStatus, 'phase' | 'plan'>>,
  /** This tab's adapter: the room knows only the adapters of peers that take part. */
  ownAdapter = '',
): readonly Person[] {
  const links = new Map(status.links.map((link) => [link.peer, link]));
  const person = (peer: PeerId, rank: number | null): Person => {
    const presence = roster.get(peer);
    const adapter = presence?.adapter || (peer === self ? ownAdapter : '');
    return {
      peer,
      me: peer === self,
      name: presence?.name || peer.slice(0, 6),
      adapter,
      software: isSoftware(adapter),
      rank,
      state: stateOf(presence, rank, status),
      hidden: presence?.hidden ?? false,
      left: presence?.left ?? '',
      share: shareOf(rank, status.plan),
      link: links.get(peer) ?? null,
    };
  };
  const members = status.members.map((peer, rank) => person(peer, rank));
  const others = [...roster.keys()].filter((peer) => !status.members.includes(peer)).map((peer) => person(peer, null));
  return [...members, ...others.sort((a, b) => a.name.localeCompare(b.name) || (a.peer < b.peer ? -1 : 1))];
}

function shareOf(rank: number | null, plan: TabStatus['plan'] = null): number | null {
  if (rank === null || !plan?.shares) return null;
  return plan.shares[coordOf(rank, plan).dp] ?? null;
}

function stateOf(
  presence: Presence | undefined,
  rank: number | null,
  { members, phase }: { readonly members: readonly PeerId[]; readonly phase?: TabStatus['phase'] },
): PersonState {
  // A pause holds for the whole room.
  if (presence?.state === 'paused' || (rank !== null && phase === 'paused')) return 'paused';
  if (rank !== null) return 'training';
  if (presence?.state !== 'willing') return 'watching';
  return members.length > 0 ? 'joining' : 'willing';
}

/** Somebody else in the room already takes part or a lecturer starts the run, so pressing the button joins it. */
export function hasRun(self: PeerId, roster: ReadonlyMap<PeerId, Presence>): boolean {
  return [...roster.values()].some(
    ({ peer, state, signal }) => peer !== self && (state !== 'observer' || signal === true),
  );
}

export interface AskedQuestion {
  /** The signal page that asks. */
  readonly from: PeerId;
  readonly question: RoomQuestion;
}

/** The question that a signal page asks the room, of several the one of the lowest id; null where nobody asks. */
export function questionIn(roster: ReadonlyMap<PeerId, Presence>): AskedQuestion | null {
  const asking = [...roster.values()].filter(({ signal, question }) => signal && question);
  const [first] = asking.sort((a, b) => (a.peer < b.peer ? -1 : 1));
  return first ? { from: first.peer, question: first.question! } : null;
}

interface PeopleChange {
  readonly kind: 'came' | 'left' | 'failed';
  readonly name: string;
  /** Why the peer failed; '' for the other kinds. */
  readonly reason: string;
}

/** Who came, who failed and who left between two rosters, without this tab. */
export function changesOf(
  self: PeerId,
  before: ReadonlyMap<PeerId, Presence>,
  after: ReadonlyMap<PeerId, Presence>,
): readonly PeopleChange[] {
  const only = (
    these: ReadonlyMap<PeerId, Presence>,
    those: ReadonlyMap<PeerId, Presence>,
    kind: PeopleChange['kind'],
  ) =>
    [...these.values()]
      .filter(({ peer }) => peer !== self && !those.has(peer))
      .map(({ name }) => ({ kind, name, reason: '' }));
  const failed = [...after.values()].flatMap(({ peer, name, left: reason }): PeopleChange[] =>
    peer !== self && reason && before.has(peer) && before.get(peer)!.left !== reason
      ? [{ kind: 'failed', name, reason }]
      : [],
  );
  return [...only(after, before, 'came'), ...failed, ...only(before, after, 'left')];
}
