/** One line: how many times as fast as one tab the room is, and why not more. Nothing before both are measured. */
import { useEffect, useMemo } from 'preact/hooks';
import { nameOf } from '../../plan/why';
import { messages } from '../messages';
import { keepForOffline } from '../offline';
import type { Session } from '../state/session';
import { TogetherMeter } from '../state/together';

export function TogetherLine({ session }: { readonly session: Session }) {
  const meter = useMemo(() => new TogetherMeter(), []);
  // why here: this line comes after the first steps, and nothing of theirs waits
  useEffect(() => void keepForOffline(), []);
  const status = session.status.value;
  const roster = session.roster.value;
  const measured = useMemo(() => meter.read(status, roster), [meter, status, roster]);
  if (!measured || !status.plan) return null;
  return <p class="note together">{messages.together(measured, nameOf(status.plan))}</p>;
}
