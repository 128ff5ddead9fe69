/** The messages by which peers agree on a generation. They come from the network and are checked on receipt. */
import * as v from 'valibot';
import { PlanError, ProtocolError } from '../../errors';
import type { PeerId } from '../../plan/mesh';
import { type ParallelPlan, parsePlan } from '../../plan/plan';
import { MAX_REASON_CHARACTERS } from '../signaling/presence';
import type { Change } from './change';
import type { Generation } from './membership';

/** One generation as its authority declares it. */
export interface Declaration extends Generation {
  readonly authority: PeerId;
  /** The newest generation whose state the authority held then: the roster may show less of it. */
  readonly holds: number;
  /** Hash of `run`. */
  readonly runHash: string;
  /** No generation up to this number can finish its step. Its members stop at once, not at the step border. */
  readonly broken: number;
  /** The peer that was lost when `broken` was last raised, '' when no peer was lost. */
  readonly lost: PeerId;
  /** This generation continues from the state of generation `from` or a later one; 0 before any peer has trained. */
  readonly from: number;
  /** The plan that was asked for, even if the room cannot run it now. */
  readonly wanted?: ParallelPlan;
  /** Newcomers are not admitted. */
  readonly locked?: boolean;
  /** Peers that wait because they would slow the others, until a member leaves. */
  readonly reserve?: readonly PeerId[];
}

/** The state of a willing peer. The authority decides by the newest report of each peer and by no other message. */
export interface Report {
  /** Counts the reports of this peer. A report that arrives after a newer one is dropped. */
  readonly seq: number;
  /** The newest generation this peer has heard of, the authority that declared it, and the newest it has entered. */
  readonly heard: number;
  readonly by: PeerId;
  readonly entered: number;
  /** This peer will not finish a step of any generation up to this number. */
  readonly broke: number;
  /** The peer that was lost when `broke` was last raised, '' when no peer was lost. */
  readonly lost: PeerId;
  /** This peer waits at the step border. */
  readonly waiting: boolean;
  /** The open links of this peer. */
  readonly links: readonly PeerId[];
}

export type MembershipMessage =
  | { readonly t: 'declare'; readonly declaration: Declaration }
  /** To the authority: sent at every change, and repeated until it is answered. */
  | { readonly t: 'report'; readonly report: Report }
  /** From the authority: the report numbered `seq` has arrived. */
  | { readonly t: 'heard'; readonly seq: number }
  /** From the authority `by`: all members of generation `number` are ready. */
  | { readonly t: 'go'; readonly number: number; readonly by: PeerId }
  /** To any peer: "I know of generation `heard`. Are you there, and do you know of a newer one?" */
  | { readonly t: 'hello'; readonly heard: number }
  /** The answer to `hello` from a peer that knows of no newer generation. */
  | { readonly t: 'here' }
  /** To every peer: the sender has failed. It finishes no step of any generation so far; `reason` says why. */
  | { readonly t: 'left'; readonly reason: string }
  /** To the authority: apply this change from the next step border on. */
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
  holds: number,
  broken: number,
  lost: peer,
  from: number,
  wanted: v.exactOptional(plan),
  locked: v.exactOptional(v.boolean()),
  reserve: v.exactOptional(peers),
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
  v.object({ t: v.literal('left'), reason: v.pipe(v.string(), v.maxLength(MAX_REASON_CHARACTERS)) }),
  v.object({
    t: v.literal('ask'),
    paused: v.exactOptional(v.boolean()),
    plan: v.exactOptional(plan),
    wanted: v.exactOptional(plan),
    steps: v.exactOptional(steps),
    run: v.exactOptional(v.object({ text: runText, hash: runHash, plan })),
    locked: v.exactOptional(v.boolean()),
    reserve: v.exactOptional(peers),
    remove: v.exactOptional(peer),
  }),
]);

/** Checks a received membership message. Throws ProtocolError when it is malformed. */
export function parseMembershipMessage(value: unknown): MembershipMessage {
  try {
    return v.parse(message, value);
  } catch (error) {
    if (!(error instanceof v.ValiError) && !(error instanceof PlanError)) throw error;
    throw new ProtocolError(`a membership message is malformed: ${error.message}`);
  }
}

/** The content of a generation, without its number. */
type Agreed = Omit<Generation, 'number'> & Pick<Declaration, 'locked'>;

/** Whether two declarations agree in everything but their numbers. */
export function sameMembership(a: Agreed, b: Agreed): boolean {
  const isSame = a.paused === b.paused && a.run === b.run && a.steps === b.steps && a.locked === b.locked;
  if (!isSame || a.peers.length !== b.peers.length || a.peers.some((peer, at) => peer !== b.peers[at])) return false;
  return a.plan === b.plan || JSON.stringify(a.plan) === JSON.stringify(b.plan);
}

/** Whether `a` takes precedence over `b`: the higher number wins, then more peers, then the lower authority id. */
export function isAhead(a: Declaration, b: Declaration): boolean {
  if (a.number !== b.number) return a.number > b.number;
  if (a.peers.length !== b.peers.length) return a.peers.length > b.peers.length;
  return a.authority < b.authority;
}
