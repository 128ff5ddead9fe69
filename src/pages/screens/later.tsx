/** What the training screen does without in its first steps: the lines about the room, and getting ready for a question. */
import { useEffect } from 'preact/hooks';
import { RoomLines } from '../auto/lines';
import { useLoaded } from '../parts/loaded';
import type { Session } from '../state/session';

const loadAhead = () => import('../chat/ahead');
const ignore = () => {};

interface Props {
  readonly session: Session;
  /** The chat is open. */
  readonly isAsking: boolean;
}

export function Later({ session, isAsking }: Props) {
  const { phase } = session.status.value;
  const isAtRest = phase === 'paused' || phase === 'done';
  // why no problem is told: nobody asked for it
  const ahead = useLoaded(isAtRest && !isAsking, loadAhead, ignore);
  useEffect(() => ahead?.getReady(session), [ahead, session]);
  return <RoomLines session={session} />;
}
