/**
 * The state, the events and the effects of one peer's membership machine, as plain data. The rules are in reduce.ts and
 * the files it calls; sockets, clocks and promises are in roommembership.ts.
 */
import type { PeerId } from '../../plan/mesh';
import type { ParallelPlan } from '../../plan/plan';
import type { Presence } from '../signaling/signaling';
import type { Change } from './change';
import type { Declaration, MembershipMessage, Report } from './declaration';
import type { Generation } from './membership';

export type RosterView = ReadonlyMap<PeerId, Presence>;

/** The settings that do not change while this peer is in the room. */
export interface Setting {
  readonly self: PeerId;
  readonly build: string;
  /** The run file this peer brings; both '' when it takes the room's. */
  readonly run: { readonly text: string; readonly hash: string };
  /** The plan of the first generation, if this peer declares it. */
  readonly plan: ParallelPlan;
  /** Headless: every generation has exactly this many peers. */
  readonly expect?: number;
  /**
   * Above the number of every report that this peer has sent before, e.g. before it stopped and took part again: the
   * authority ignores a report that is older than the one it has.
   */
  readonly firstReport?: number;
  /** Fits `plan` to `count` peers; null when the run cannot be cut that way. */
  fit(count: number, plan: ParallelPlan, run: string): ParallelPlan | null;
}

/** The position of this peer's trainer relative to the generations. */
type Place =
  /** The trainer does not train: a page that watches, or a tab before its button is pressed. */
  | { readonly is: 'apart' }
  /** The trainer waits at the step border for a generation numbered above `after`. */
  | { readonly is: 'border'; readonly after: number }
  | { readonly is: 'inside'; readonly generation: Generation; readonly aborted: boolean };

/** The authority's record of a peer that it had to leave out. */
interface LeftOut {
  readonly times: number;
  /** When the peer was last left out, ms. */
  readonly at: number;
}

/** The outcome of an election, kept as long as nothing that it depends on changes. */
export interface Elected {
  readonly from: Pick<State, 'roster' | 'spared' | 'newest' | 'lapsed' | 'refusal' | 'holds'> | undefined;
  readonly authority: PeerId | undefined;
  /** The newest generation whose state a willing peer holds. */
  readonly held: number;
}

export interface State {
  readonly roster: RosterView;
  /** The last presence of peers that signaling reports gone while their link is still open. */
  readonly spared: RosterView;
  /** Open links of this peer, sorted. */
  readonly links: readonly PeerId[];
  readonly newest: Declaration;
  /**
   * Hash of the run that this peer brought or that a lecturer put in its place; '' for none. The roster may still show an
   * earlier one.
   */
  readonly ownRun: string;
  /** Highest generation for which all members are ready. */
  readonly go: number;
  readonly place: Place;
  /** Highest generation entered; highest that this peer cannot finish a step of; newest whose state it holds. */
  readonly entered: number;
  readonly broke: number;
  readonly holds: number;
  /** The peer that was lost when `broke` was last raised. */
  readonly lost: PeerId;
  /** A sentence that says why this peer cannot take part; '' where it can. */
  readonly refusal: string;
  readonly wanted: readonly PeerId[];
  /** Peers of past generations whose links stay open, and until when. */
  readonly lingering: ReadonlyMap<PeerId, number>;
  /** The time since which this peer has lacked a link to a member; undefined where it lacks none. */
  readonly lackingSince: number | undefined;

  /** The last report of this peer, its receiver, its time, and whether it was answered. */
  readonly report: Report;
  readonly reportedTo: PeerId | undefined;
  readonly reportedAt: number;
  readonly isAnswered: boolean;
  /** When the unanswered report was first sent, or when the peer `asked` was first asked for the newest generation. */
  readonly askedAt: number;
  readonly asked: PeerId | undefined;
  /** Peers that did not answer in time. They lead nothing until a message of theirs arrives. */
  readonly lapsed: ReadonlySet<PeerId>;
  /** Peers whose link is silent, and when each was asked whether it is there. */
  readonly doubted: ReadonlyMap<PeerId, number>;
  /** When the lapsed peers were last asked again. */
  readonly pingedAt: number;

  readonly elected: Elected;
  /** The run that some peer has held a state of, as far as this peer has seen; '' for none. */
  readonly heldRun: string;
  /** When the effects must be derived again even if no event changes this state; Infinity: never. */
  readonly wakeAt: number;
  /** Time of the last event. A long gap means that this peer has slept. */
  readonly lastAt: number;
  /** Until then, after a sleep, this peer only listens for what the others have agreed on and does not lead. */
  readonly listenUntil: number;

  /** The fields from here on are used by the authority only. */
  readonly leadingSince: number | undefined;
  readonly reports: ReadonlyMap<PeerId, Report>;
  /** When the newest declaration was last sent again to members that do not know it. */
  readonly remindedAt: number;
  /** The time since which both ends have reported links between a left-out peer and all members. */
  readonly linkedSince: ReadonlyMap<PeerId, number>;
  readonly records: ReadonlyMap<PeerId, LeftOut>;
  /** The change that was asked for and is not declared yet. */
  readonly change: Change;
  readonly removed: ReadonlySet<PeerId>;
  /** In a locked room: the peers that may take part. undefined in an open room. */
  readonly guests: ReadonlySet<PeerId> | undefined;
  /** The last generation before `newest` that all members were ready to train in: its members hold the state. */
  readonly holders: Declaration | undefined;
  /** Two authorities declared the same number. A declaration with a higher number ends the tie. */
  readonly isTied: boolean;
  /** When the authority must decide again even if no field that it depends on has changed. */
  readonly lookAt: number;
  /** When the next generation is due; undefined where none is due. */
  readonly dueAt: number | undefined;
}

export type Event =
  | { readonly e: 'roster'; readonly roster: RosterView }
  | { readonly e: 'linked'; readonly peer: PeerId }
  | { readonly e: 'unlinked'; readonly peer: PeerId; readonly reason: string }
  /** No frame came over the link to `peer` for some seconds. */
  | { readonly e: 'suspect'; readonly peer: PeerId }
  | { readonly e: 'heard'; readonly from: PeerId; readonly message: MembershipMessage }
  | { readonly e: 'ask'; readonly change: Change }
  /** 'border': the trainer waits at the step border. 'apart': the trainer has stopped training. */
  | { readonly e: 'border'; readonly after: number }
  | { readonly e: 'apart' }
  /** The trainer cannot go on in its generation, or at all. It comes back with 'border'. */
  | { readonly e: 'failed'; readonly reason: string }
  /** Whether the trainer holds the state of the run in its generation. */
  | { readonly e: 'state'; readonly holds: boolean }
  /** The trainer, which is in reserve, has a copy of the state of `generation`. */
  | { readonly e: 'copy'; readonly generation: number }
  | { readonly e: 'time' };

export type Effect =
  | { readonly f: 'tell'; readonly to: PeerId; readonly message: MembershipMessage }
  | { readonly f: 'want'; readonly peers: readonly PeerId[] }
  | { readonly f: 'enter'; readonly generation: Generation }
  /** The trainer's generation cannot finish its step; `lost` is '' where a newer generation replaced it. */
  | { readonly f: 'abort'; readonly number: number; readonly lost: PeerId; readonly reason: string }
  | { readonly f: 'holds'; readonly generation: number }
  /** This peer has failed: show the room why. */
  | { readonly f: 'left'; readonly reason: string }
  /** This peer trains the room's run from now on, not the one that it brought. */
  | { readonly f: 'adopt'; readonly hash: string }
  | { readonly f: 'refuse'; readonly sentence: string }
  /** Signaling reports `peer` gone: end its link unless the link shows that the peer is alive. */
  | { readonly f: 'question'; readonly peer: PeerId };

export function initialState({ plan, run, firstReport = 0 }: Setting): State {
  const none = { number: 0, peers: [], paused: false, authority: '', holds: 0, broken: 0, lost: '', from: 0 };
  return {
    roster: new Map(),
    spared: new Map(),
    links: [],
    newest: { ...none, plan, run: run.text, runHash: run.hash },
    ownRun: run.hash,
    go: 0,
    place: { is: 'apart' },
    entered: 0,
    broke: 0,
    holds: 0,
    lost: '',
    refusal: '',
    wanted: [],
    lingering: new Map(),
    lackingSince: undefined,
    report: { seq: firstReport, heard: 0, by: '', entered: 0, broke: 0, lost: '', waiting: false, links: [] },
    reportedTo: undefined,
    reportedAt: 0,
    isAnswered: true,
    askedAt: 0,
    asked: undefined,
    lapsed: new Set(),
    doubted: new Map(),
    pingedAt: 0,
    heldRun: '',
    elected: { from: undefined, authority: undefined, held: 0 },
    wakeAt: Number.NEGATIVE_INFINITY,
    lastAt: 0,
    listenUntil: 0,
    leadingSince: undefined,
    reports: new Map(),
    remindedAt: 0,
    linkedSince: new Map(),
    records: new Map(),
    change: {},
    removed: new Set(),
    guests: undefined,
    holders: undefined,
    isTied: false,
    lookAt: 0,
    dueAt: undefined,
  };
}
