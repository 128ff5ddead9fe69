/** The unit that is followed through all scenes: the choice, and the bytes that are its under the plan on screen. */
import { useMemo } from 'preact/hooks';
import { bytes } from '../../state/format';
import { unitsOf } from '../facts/units';
import { followedIn, partsOfUnit, sentForUnit } from '../models/cut/followed';
import type { Show } from '../show/show';
import { words } from '../words';

const text = words.follow;

export function FollowChoice({ show }: { readonly show: Show }) {
  const { run } = show.stage.value;
  const names = useMemo(() => (run ? unitsOf(run, { dp: 1, tp: 1 }).map(({ name }) => name) : []), [run]);
  return (
    <label class="follow">
      {text.label}{' '}
      <select
        value={show.picks.value.follow}
        onChange={({ currentTarget }) => show.pick({ follow: currentTarget.value })}
      >
        <option value="">{text.nothing}</option>
        {names.map((name) => (
          <option key={name} value={name}>
            {name}
          </option>
        ))}
      </select>
    </label>
  );
}

/** Where the followed unit is, and its bytes; nothing where none is followed. */
export function FollowLine({ show }: { readonly show: Show }) {
  const { run, plan, events } = show.stage.value;
  const followed = followedIn(run, show.picks.value.follow);
  const sent = useMemo(() => (followed ? sentForUnit(events, followed.name) : 0), [events, followed?.name]);
  if (!followed || !run || !plan) return null;
  const parts = partsOfUnit(run, plan, followed.unit);
  const [first] = parts;
  const figures = [
    ['param', first!.param],
    ['grad', first!.grad],
    ['moment', first!.moment],
    ['sent', sent],
  ] as const;
  return (
    <p class="follow-line">
      <b>{followed.name}</b>{' '}
      {text.where(
        parts.map(({ rank }) => rank),
        plan,
        first!.stage,
      )}
      {figures.map(([what, value]) => (
        <span key={what}>
          {text[what]}{' '}
          <b data-figure={`follow-${what}`} data-value={value}>
            {bytes(value)}
          </b>
        </span>
      ))}
    </p>
  );
}
