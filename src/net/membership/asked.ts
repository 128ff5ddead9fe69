/** Applies a change that was asked of the authority, and offers this peer's run to an authority without one. */
import type { PeerId } from '../../plan/mesh';
import { isWholeOnAll, type ParallelPlan } from '../../plan/plan';
import type { Change } from './change';
import { candidatesOf } from './desired';
import { MOST_MEMBERS } from './election';
import type { Turn } from './turn';

/** Merge `change` into what this authority will declare next. A plan that does not fit the room is ignored. */
export function asked(turn: Turn, change: Change): void {
  const { state, setting } = turn;
  const { plan, wanted, locked, remove, reserve, paused, steps, run } = change;
  if (remove !== undefined) state.removed = new Set([...state.removed, remove]);
  if (locked !== undefined) state.guests = locked ? new Set([...turn.others(), setting.self]) : undefined;
  const text = run?.text ?? state.newest.run;
  const count = Math.min(candidatesOf(turn).length, setting.expect ?? MOST_MEMBERS);
  const fits = (one: ParallelPlan) => setting.fit(count, one, text) !== null;
  state.change = {
    ...state.change,
    ...(plan && fits(plan) ? { plan } : {}),
    ...(wanted && fits(wanted) ? { wanted } : {}),
    ...(reserve && mayWait(turn, reserve) ? { reserve } : {}),
    ...(paused === undefined ? {} : { paused }),
    ...(steps === undefined ? {} : { steps }),
    ...(run ? { run, paused: paused ?? false } : {}),
  };
}

/** Whether the others can go on without `reserve`: some member stays, and each has the whole state. */
function mayWait({ state: { newest } }: Turn, reserve: readonly PeerId[]): boolean {
  return isWholeOnAll(newest.plan) && newest.peers.some((peer) => !reserve.includes(peer));
}

/** Offer this peer's run file to an authority that brought none (a signal page). */
export function bring(turn: Turn): void {
  const { state, setting, authority } = turn;
  const { run, plan } = setting;
  // why: before the first declaration, `newest.run` is this peer's own run
  const hasRun = run.text === '' || (state.newest.number > 0 && state.newest.run !== '');
  if (hasRun || authority === setting.self || authority === undefined) return;
  if (state.roster.get(authority)?.run === '') turn.tell(authority, { t: 'ask', run: { ...run, plan } });
}
