/**
 * What one peer knows of its room, what can happen to it, and what it then wants done. Plain data: the rules are in
 * reduce.ts and what it calls; sockets, clocks and promises are roommembership.ts's.
 */
import type { PeerId } from '../../plan/mesh';
import type { ParallelPlan } from '../../plan/plan';
import type { Presence } from '../signaling/signaling';
import type { Declaration, MembershipMessage, Report } from './declaration';
import type { Generation } from './membership';
import type { Change } from './wishes';

export type RosterView = ReadonlyMap<PeerId, Presence>;

/** What does not change while this peer is in the room. */
export interface Setting {
  readonly self: PeerId;
  readonly build: string;
  /** The run file this peer brings; both '' when it takes the room's. */
  readonly run: { readonly text: string; readonly hash: string };
  /** What the first generation is cut by, when this peer declares it. */
  readonly plan: ParallelPlan;
  /** Headless: every generation has exactly this many peers. */
  readonly expect?: number;
  /** `plan` for `count` peers, null when the run cannot be cut so. */
  fit(count: number, plan: ParallelPlan, run: string): ParallelPlan | null;
}

/** Where the trainer of this peer is. */
export type Place =
  /** It does not train: a page that watches, or a tab before its button is pressed. */
  | { readonly is: 'apart' }
  /** At the step border, for a generation numbered above `after`. */
  | { readonly is: 'border'; readonly after: number }
  | { readonly is: 'inside'; readonly generation: Generation; readonly aborted: boolean };

/** What the authority remembers of a peer that it had to leave out. */
export interface LeftOut {
  readonly times: number;
  /** The last time. */
  readonly at: number;
}

export interface State {
  readonly roster: RosterView;
  /** Those whom signaling gave up while their link still speaks, as they were last. */
  readonly spared: RosterView;
  /** Open links of this peer, sorted. */
  readonly links: readonly PeerId[];
  readonly newest: Declaration;
  /** Highest number that everybody is ready for. */
  readonly go: number;
  readonly place: Place;
  /** Highest number entered, highest that can end at no border of this peer's, and highest whose state it holds. */
  readonly entered: number;
  readonly broke: number;
  readonly holds: number;
  /** Who was lost when `broke` was last raised. */
  readonly lost: PeerId;
  /** Why this peer cannot take part, '' where it can. */
  readonly refusal: string;
  readonly wanted: readonly PeerId[];
  /** Links of generations that were left, until when. */
  readonly lingering: ReadonlyMap<PeerId, number>;
  /** Since when this peer lacks a link to a member; undefined where it lacks none. */
  readonly lackingSince: number | undefined;

  /** What this peer last reported, to whom, when, and whether it was answered. */
  readonly report: Report;
  readonly reportedTo: PeerId | undefined;
  readonly reportedAt: number;
  readonly isAnswered: boolean;
  /** When the unanswered report was first sent, or `asked` was first asked what it knows. */
  readonly askedAt: number;
  readonly asked: PeerId | undefined;
  /** Who did not answer when it mattered: it leads nothing until it speaks again. */
  readonly lapsed: ReadonlySet<PeerId>;
  /** Whose link is silent, and when it was asked whether it is there. */
  readonly doubted: ReadonlyMap<PeerId, number>;
  /** When they were last asked again. */
  readonly pingedAt: number;

  /** When something happened last: a long silence of everything is this peer's own sleep. */
  readonly lastAt: number;
  /** After a sleep it hears what the others have agreed on meanwhile before it leads. */
  readonly listenUntil: number;

  /** Only of use to the authority. */
  readonly leadingSince: number | undefined;
  readonly reports: ReadonlyMap<PeerId, Report>;
  /** When the newest generation was last told to who does not know it. */
  readonly remindedAt: number;
  /** Since when a peer has links to all members, by its own word and theirs. */
  readonly linkedSince: ReadonlyMap<PeerId, number>;
  readonly records: ReadonlyMap<PeerId, LeftOut>;
  /** Asked for and not declared yet. */
  readonly change: Change;
  readonly removed: ReadonlySet<PeerId>;
  /** In a locked room: who may take part. */
  readonly guests: ReadonlySet<PeerId> | undefined;
  /** The newest generation before the newest that everybody entered to train: its members hold the state. */
  readonly holders: Declaration | undefined;
  /** Two authorities declared one number: a higher one ends it. */
  readonly isTied: boolean;
  /** When the authority must look again though nothing it decides by has changed. */
  readonly lookAt: number;
  /** When the next generation is due; undefined where nothing has changed. */
  readonly dueAt: number | undefined;
}

export type Event =
  | { readonly e: 'roster'; readonly roster: RosterView }
  | { readonly e: 'linked'; readonly peer: PeerId }
  | { readonly e: 'unlinked'; readonly peer: PeerId; readonly reason: string }
  /** Nothing came over the link for some seconds. */
  | { readonly e: 'suspect'; readonly peer: PeerId }
  | { readonly e: 'heard'; readonly from: PeerId; readonly message: MembershipMessage }
  | { readonly e: 'ask'; readonly change: Change }
  /** The trainer waits at the step border; 'apart': not any more. */
  | { readonly e: 'border'; readonly after: number }
  | { readonly e: 'apart' }
  /** The trainer holds the state of the run in the generation that it is in; not any more where `holds` is false. */
  | { readonly e: 'state'; readonly holds: boolean }
  | { readonly e: 'time' };

export type Effect =
  | { readonly f: 'tell'; readonly to: PeerId; readonly message: MembershipMessage }
  | { readonly f: 'want'; readonly peers: readonly PeerId[] }
  | { readonly f: 'enter'; readonly generation: Generation }
  /** The generation that the trainer is in cannot finish its step; `lost` is '' where a newer one took its place. */
  | { readonly f: 'abort'; readonly number: number; readonly lost: PeerId; readonly reason: string }
  | { readonly f: 'holds'; readonly generation: number }
  | { readonly f: 'refuse'; readonly sentence: string }
  /** Signaling gave `peer` up: its link shall show that it lives, or end. */
  | { readonly f: 'question'; readonly peer: PeerId };

export function initialState({ plan, run }: Setting): State {
  const none = { number: 0, peers: [], paused: false, authority: '', broken: 0, lost: '', from: 0 };
  return {
    roster: new Map(),
    spared: new Map(),
    links: [],
    newest: { ...none, plan, run: run.text, runHash: run.hash },
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
    report: { seq: 0, heard: 0, by: '', entered: 0, broke: 0, lost: '', waiting: false, links: [] },
    reportedTo: undefined,
    reportedAt: 0,
    isAnswered: true,
    askedAt: 0,
    asked: undefined,
    lapsed: new Set(),
    doubted: new Map(),
    pingedAt: 0,
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
