/**
 * A Worker that has compiled what the run's model needs before anybody opens the chat of a resting room, so that a question
 * asked at once does not wait for that. A room at rest leaves the device idle.
 */
import { startTalk, type TalkStart } from '../../worker/chat/talkclient';
import type { Session } from '../state/session';
import type { RunFile } from '../tab';

/** The most parameters that are taken together before somebody asks. */
const MOST_UNASKED = 64e6;

const ready = new WeakMap<Session, TalkStart>();

/** The returned function gives the Worker up, unless it was taken. */
export function getReady(session: Session, start = startTalk): () => void {
  const { run, vocab } = session.status.value;
  if (run && vocab > 0 && isSmall(run.model)) {
    const one = start();
    ready.set(session, one);
    // what fails is said when a model is opened
    one.ready({ ...run.model, vocab }).catch(() => {});
  }
  return () => takeReady(session)?.close();
}

/** The caller closes it. */
export function takeReady(session: Session): TalkStart | undefined {
  const one = ready.get(session);
  ready.delete(session);
  return one;
}

/** Whether the parameters take little memory, about: nobody may ever ask. */
export function isSmall({ layers, dim, hidden, vocab }: RunFile['model']): boolean {
  return layers * dim * (4 * dim + 3 * hidden) + vocab * dim < MOST_UNASKED;
}
