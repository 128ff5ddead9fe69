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
  /** The plan that was asked for, whatever the room can do now. */
  readonly wanted?: ParallelPlan;
  /** Newcomers are not let in. */
  readonly locked?: boolean;
}

export type MembershipMessage =
  | { readonly t: 'declare'; readonly declaration: Declaration }
  /** To the authority: my links for this generation are up. */
  | { readonly t: 'ready'; readonly number: number }
  /** From the authority: everybody is ready. */
  | { readonly t: 'go'; readonly number: number }
  /** To the authority: the link to `peer` is gone, so this generation cannot finish its step. */
  | { readonly t: 'broken'; readonly number: number; readonly peer: PeerId }
  /** From the authority when readiness is late, and the answer: the peers a link is missing to. */
  | { readonly t: 'why'; readonly number: number }
  | { readonly t: 'missing'; readonly number: number; readonly peers: readonly PeerId[] }
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
  wanted: v.exactOptional(plan),
  locked: v.exactOptional(v.boolean()),
});

const message = v.variant('t', [
  v.object({ t: v.literal('declare'), declaration }),
  v.object({ t: v.literal('ready'), number }),
  v.object({ t: v.literal('go'), number }),
  v.object({ t: v.literal('broken'), number, peer }),
  v.object({ t: v.literal('why'), number }),
  v.object({ t: v.literal('missing'), number, peers }),
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
  const said = ({ peers, plan, paused, run, steps = 0, locked = false }: Agreed) =>
    JSON.stringify([peers, plan, paused, run, steps, locked]);
  return said(a) === said(b);
}
