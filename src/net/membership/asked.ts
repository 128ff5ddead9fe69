/** What was asked of the authority, and the run that a peer brings to one that has none. */
import type { ParallelPlan } from '../../plan/plan';
import { candidatesOf } from './desired';
import { MOST_MEMBERS } from './election';
import type { Turn } from './turn';
import type { Change } from './wishes';

/** Change what was asked for; a plan that does not fit the room is not taken. */
export function asked(turn: Turn, change: Change): void {
  const { state, setting } = turn;
  const { plan, wanted, locked, remove, paused, steps, run } = change;
  if (remove !== undefined) state.removed = new Set([...state.removed, remove]);
  if (locked !== undefined) state.guests = locked ? new Set([...turn.others(), setting.self]) : undefined;
  const text = run?.text ?? state.newest.run;
  const count = Math.min(candidatesOf(turn).length, setting.expect ?? MOST_MEMBERS);
  const fits = (one: ParallelPlan) => setting.fit(count, one, text) !== null;
  state.change = {
    ...state.change,
    ...(plan && fits(plan) ? { plan } : {}),
    ...(wanted && fits(wanted) ? { wanted } : {}),
    ...(paused === undefined ? {} : { paused }),
    ...(steps === undefined ? {} : { steps }),
    ...(run ? { run, paused: paused ?? false } : {}),
  };
}

/** An authority that brought no run file (a signal page) takes that of whoever has one. */
export function bring(turn: Turn): void {
  const { state, setting, authority } = turn;
  const { run, plan } = setting;
  // why: before anything is declared the run in `newest` is this peer's own
  const hasRun = run.text === '' || (state.newest.number > 0 && state.newest.run !== '');
  if (hasRun || authority === setting.self || authority === undefined) return;
  if (state.roster.get(authority)?.run === '') turn.tell(authority, { t: 'ask', run: { ...run, plan } });
}
