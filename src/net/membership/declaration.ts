/** What peers say to each other to agree on a generation; checked on receipt, since it comes from the network. */
import * as v from 'valibot';
import { PlanError, ProtocolError } from '../../errors';
import type { PeerId } from '../../plan/mesh';
import { type ParallelPlan, parsePlan } from '../../plan/plan';
import type { Generation } from './membership';
import type { Change } from './wishes';

/** One generation as its authority declares it. */
export interface Declaration extends Generation {
  readonly authority: PeerId;
  /** Hash of `run`. */
  readonly runHash: string;
  /** No generation up to this number can finish its step: its members stop at once instead of at the step border. */
  readonly broken: number;
  /** Who was lost when `broken` was last raised, '' when nobody was. */
  readonly lost: PeerId;
  /** It goes on from the state of that generation or a later one; 0 before anybody has trained. */
  readonly from: number;
  /** The plan that was asked for, whatever the room can do now. */
  readonly wanted?: ParallelPlan;
  /** Newcomers are not let in. */
  readonly locked?: boolean;
}

/** Where a willing peer stands. The authority decides by the newest report of each and by nothing else it was told. */
export interface Report {
  /** Counted by the reporting peer: an older report that comes late is dropped. */
  readonly seq: number;
  /** The newest generation it has heard of, who declared that, and the newest it has entered. */
  readonly heard: number;
  readonly by: PeerId;
  readonly entered: number;
  /** It will finish no step of a generation up to this number. */
  readonly broke: number;
  /** Who was lost when `broke` was last raised, '' when nobody was. */
  readonly lost: PeerId;
  /** It waits at the step border. */
  readonly waiting: boolean;
  /** Its open links. */
  readonly links: readonly PeerId[];
}

export type MembershipMessage =
  | { readonly t: 'declare'; readonly declaration: Declaration }
  /** To the authority, whenever it changes, and again until it is answered. */
  | { readonly t: 'report'; readonly report: Report }
  /** From the authority: the report with this number has arrived. */
  | { readonly t: 'heard'; readonly seq: number }
  /** From the authority: everybody is ready. */
  | { readonly t: 'go'; readonly number: number; readonly by: PeerId }
  /** To anybody: I know of generation `heard`; are you there, and do you know of a newer one? */
  | { readonly t: 'hello'; readonly heard: number }
  /** The answer of one who knows of none. */
  | { readonly t: 'here' }
  /** To the authority: change this from the next step border on. */
  | ({ readonly t: 'ask' } & Change);

const number = v.pipe(v.number(), v.integer(), v.minValue(0), v.maxValue(Number.MAX_SAFE_INTEGER));
const peer = v.pipe(v.string(), v.maxLength(64));
const peers = v.pipe(v.array(peer), v.maxLength(256));
const plan = v.pipe(v.unknown(), v.transform(parsePlan));
const runText = v.pipe(v.string(), v.maxLength(16_384));
const runHash = v.pipe(v.string(), v.maxLength(256));
const steps = v.pipe(number, v.minValue(1), v.maxValue(1000));

const declaration = v.object({
  number,
  peers,
  plan,
  paused: v.boolean(),
  steps: v.exactOptional(steps),
  run: runText,
  runHash,
  authority: peer,
  broken: number,
  lost: peer,
  from: number,
  wanted: v.exactOptional(plan),
  locked: v.exactOptional(v.boolean()),
});

const report = v.object({
  seq: number,
  heard: number,
  by: peer,
  entered: number,
  broke: number,
  lost: peer,
  waiting: v.boolean(),
  links: peers,
});

const message = v.variant('t', [
  v.object({ t: v.literal('declare'), declaration }),
  v.object({ t: v.literal('report'), report }),
  v.object({ t: v.literal('heard'), seq: number }),
  v.object({ t: v.literal('go'), number, by: peer }),
  v.object({ t: v.literal('hello'), heard: number }),
  v.object({ t: v.literal('here') }),
  v.object({
    t: v.literal('ask'),
    paused: v.exactOptional(v.boolean()),
    plan: v.exactOptional(plan),
    wanted: v.exactOptional(plan),
    steps: v.exactOptional(steps),
    run: v.exactOptional(v.object({ text: runText, hash: runHash, plan })),
    locked: v.exactOptional(v.boolean()),
    remove: v.exactOptional(peer),
  }),
]);

/** Throws ProtocolError. */
export function parseMembershipMessage(value: unknown): MembershipMessage {
  try {
    return v.parse(message, value);
  } catch (error) {
    if (!(error instanceof v.ValiError) && !(error instanceof PlanError)) throw error;
    throw new ProtocolError(`a membership message is malformed: ${error.message}`);
  }
}

/** What a generation is, without its number. */
type Agreed = Omit<Generation, 'number'> & Pick<Declaration, 'locked'>;

/** Whether two declarations say the same to their members, whatever their numbers. */
export function sameMembership(a: Agreed, b: Agreed): boolean {
  const isSame = a.paused === b.paused && a.run === b.run && a.steps === b.steps && a.locked === b.locked;
  if (!isSame || a.peers.length !== b.peers.length || a.peers.some((peer, at) => peer !== b.peers[at])) return false;
  return a.plan === b.plan || JSON.stringify(a.plan) === JSON.stringify(b.plan);
}

/** Of two declarations the one that counts: the higher number, then the larger room, then the lower authority. */
export function isAhead(a: Declaration, b: Declaration): boolean {
  if (a.number !== b.number) return a.number > b.number;
  if (a.peers.length !== b.peers.length) return a.peers.length > b.peers.length;
  return a.authority < b.authority;
}
