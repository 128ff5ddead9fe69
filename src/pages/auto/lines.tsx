/**
 * The lines of a room of several tabs: how many times as fast as one tab it is, what the plan `auto` has chosen and why, the
 * offer of an approximate plan, and the mark of one that runs.
 */
import { isApproximate } from '../../plan/plan';
import { TogetherLine } from '../parts/together';
import type { Session } from '../state/session';
import { words } from './words';

export function RoomLines({ session }: { readonly session: Session }) {
  return (
    <>
      <TogetherLine session={session} />
      <AutoLine session={session} />
    </>
  );
}

function AutoLine({ session }: { readonly session: Session }) {
  const { auto, plan, rank, members } = session.status.value;
  if (!plan || members.length < 2) return null;
  const roster = session.roster.value;
  const isLead = rank === 0 && ![...roster.values()].some(({ signal }) => signal);
  return (
    <>
      {auto && <p class="note auto">{words.chosen(auto.why)}</p>}
      {auto && auto.offer !== '' && (
        <p class="note offer">
          {words.offer(auto.offer)}{' '}
          {isLead ? (
            <button type="button" class="button button-quiet" onClick={() => session.allow(true)}>
              {words.take}
            </button>
          ) : (
            words.led(roster.get(members[0]!)?.name ?? '')
          )}
        </p>
      )}
      {isApproximate(plan) && (
        <p class="note approximate">
          <b>{words.mark}</b> {plan.outer ? words.apart(plan.outer.every) : words.rounded(plan.wire)}
        </p>
      )}
      {auto?.isAllowed && isLead && (
        <button type="button" class="button button-quiet" onClick={() => session.allow(false)}>
          {words.back}
        </button>
      )}
    </>
  );
}
