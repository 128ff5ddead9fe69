/** The chat of the training screen. Loaded when somebody asks. */
import { useEffect, useMemo } from 'preact/hooks';
import { Banner } from '../parts/banner';
import type { Session } from '../state/session';
import sheet from '../styles/talk.css?url';
import { ChatDesk } from './desk';
import { RunTalk } from './runtalk';
import { AnswerText, PromptForm } from './talk';
import { words } from './words';

export function RunChat({ session }: { readonly session: Session }) {
  const desk = useMemo(() => new ChatDesk(new RunTalk(session)), [session]);
  useEffect(() => () => desk.close(), [desk]);
  return (
    <div class="run-chat">
      <link rel="stylesheet" href={sheet} />
      <p class="note">{words.ofRun}</p>
      <Banner kind="problem" sentence={desk.problem.value} onDismiss={() => (desk.problem.value = '')} />
      <Banner kind="note" sentence={desk.note.value} onDismiss={() => (desk.note.value = '')} />
      <PromptForm desk={desk} />
      <AnswerText desk={desk} />
    </div>
  );
}
