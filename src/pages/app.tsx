/** The first page as a whole: which screen, the colours, the keys, and files dropped anywhere. */

import { useEffect, useState } from 'preact/hooks';
import { messages } from './messages';
import { Banner } from './parts/banner';
import { entriesOf, isOfModel } from './parts/entries';
import { Header } from './parts/header';
import { useKeys } from './parts/keys';
import { useLoaded } from './parts/loaded';
import { FirstScreen } from './screens/first';
import type { Visit } from './visit';

const loadTraining = () => import('./screens/training');
const loadQuestion = () => import('./parts/questioncard');

export function App({ visit }: { readonly visit: Visit }) {
  const { session } = visit;
  const { theme } = visit.settings.value;
  const look = useLook(theme);
  const isTraining = session.takingPart.value;
  const training = useLoaded(isTraining, loadTraining, visit.tell);
  const asked = session.question.value;
  const card = useLoaded(asked !== null, loadQuestion, visit.tell);
  useDrop(visit);
  useSpaceKey(visit);
  return (
    <>
      <Header theme={theme} onTheme={(chosen) => visit.setTheme(chosen)} news={session.news.value} />
      <Banner kind="problem" sentence={session.problem.value} onDismiss={() => visit.tell('')} />
      <Banner kind="note" sentence={session.trouble.value} />
      {asked && card && <card.QuestionCard asked={asked} onVote={session.vote} />}
      {!isTraining && <FirstScreen visit={visit} />}
      {isTraining && training && <training.TrainingScreen visit={visit} look={look} />}
      <footer class="foot">{messages.footer}</footer>
    </>
  );
}

/** Set the colours on the document; the result changes when they do. */
function useLook(theme: string): string {
  const [systemDark, setSystemDark] = useState(() => matchMedia('(prefers-color-scheme: dark)').matches);
  useEffect(() => {
    const query = matchMedia('(prefers-color-scheme: dark)');
    const onChange = () => setSystemDark(query.matches);
    query.addEventListener('change', onChange);
    return () => query.removeEventListener('change', onChange);
  }, []);
  const look = theme === 'auto' ? (systemDark ? 'dark' : 'light') : theme;
  document.documentElement.dataset.theme = theme;
  return look;
}

function useDrop(visit: Visit): void {
  useEffect(() => {
    const onOver = (event: DragEvent) => event.preventDefault();
    const onDrop = (event: DragEvent) => {
      event.preventDefault();
      if (!event.dataTransfer?.files[0] || visit.session.takingPart.value) return;
      const entries = entriesOf(event.dataTransfer);
      // why the files: not every source of a drop gives entries
      const given = entries.length > 0 ? entries : [...event.dataTransfer.files];
      void (entries.some(isOfModel) ? visit.bring(entries) : visit.takeFiles(given));
    };
    addEventListener('dragover', onOver);
    addEventListener('drop', onDrop);
    return () => {
      removeEventListener('dragover', onOver);
      removeEventListener('drop', onDrop);
    };
  }, [visit]);
}

/** Space pauses and resumes while nothing else has the focus. */
function useSpaceKey(visit: Visit): void {
  useKeys((key, isOnControl) => {
    const { phase } = visit.session.status.value;
    if (key !== ' ' || isOnControl || (phase !== 'training' && phase !== 'paused')) return false;
    visit.session.pause(phase === 'training');
    return true;
  }, visit);
}
