/** The lecture page: the row of scenes, the scene on screen, the strip with the loss below it, and the dialogs. */
import { useCallback, useEffect, useState } from 'preact/hooks';
import { Banner, News } from '../parts/banner';
import { Dialog } from '../parts/dialog';
import { useKeys } from '../parts/keys';
import { useLoaded } from '../parts/loaded';
import { QrCode } from '../parts/qr';
import { questionIn } from '../state/people';
import { GuessPanel } from './frame/guesspanel';
import { HelpDialog } from './frame/helpdialog';
import { KnobsDialog } from './frame/knobs';
import { Misfit } from './frame/misfit';
import { Nav } from './frame/nav';
import { StageHead } from './frame/stagehead';
import { Strip } from './frame/strip';
import { SCENES } from './models/choice/plans';
import { renewPalette } from './pictures/palette';
import { VIEWS } from './scenes';
import type { Guess } from './show/guess';
import type { Show } from './show/show';
import { words } from './words';

const loadElsewhere = () => import('./frame/elsewheredialog');
const loadQuestion = () => import('../parts/questioncard');

interface Props {
  readonly show: Show;
  readonly guess: Guess;
}

export function App({ show, guess }: Props) {
  const look = useLook();
  useKeys((key, isOnControl) => act(show, guess, key, isOnControl), show);
  const invitation = new URL(show.invitation, location.href).href;
  const close = () => {
    show.panel.value = '';
  };
  return (
    <div class={show.hidden.value ? 'lecture bare' : 'lecture'}>
      {show.embed === '' && <Nav show={show} />}
      <div class="notices">
        <Banner kind="problem" sentence={show.problem.value || (show.live.value?.problem.value ?? '')} />
        <Banner kind="problem" sentence={show.parted.value && words.proof.paused(show.parted.value)} />
        <Banner kind="note" sentence={show.live.value?.note.value ?? ''} />
        <Misfit show={show} />
      </div>
      <main class="stage" aria-labelledby="claim" data-source={show.stage.value.source}>
        <StageHead show={show} />
        <Scene show={show} guess={guess} look={look} />
      </main>
      {show.embed === '' && <Strip show={show} guess={guess} look={look} />}
      <div class="visually-hidden">
        <News news={show.live.value?.news.value ?? []} />
      </div>
      <HelpDialog show={show} open={show.panel.value === 'help'} onClose={close} />
      <Elsewhere show={show} onClose={close} />
      <KnobsDialog show={show} open={show.panel.value === 'knobs'} onClose={close} />
      <Dialog open={show.panel.value === 'qr'} label={words.qr} class="qr-dialog" onClose={close}>
        <QrCode text={invitation} label={words.qr} />
        <p class="qr-link">{invitation}</p>
        <button type="button" class="button" onClick={close}>
          {words.close}
        </button>
      </Dialog>
    </div>
  );
}

/** Loaded with the first press. */
function Elsewhere({ show, onClose }: { readonly show: Show; readonly onClose: () => void }) {
  const isOpen = show.panel.value === 'elsewhere';
  const tell = useTell(show);
  const loaded = useLoaded(isOpen, loadElsewhere, tell);
  return loaded ? <loaded.ElsewhereDialog show={show} open={isOpen} onClose={onClose} /> : null;
}

const useTell = (show: Show) =>
  useCallback(
    (sentence: string) => {
      show.problem.value = sentence;
    },
    [show],
  );

/** The scene, or in its place the open question: its figures must not be in the document before the answer is. */
function Scene({ show, guess, look }: Props & { readonly look: string }) {
  const live = show.live.value;
  const asked = show.watches && live ? questionIn(live.roster.value) : null;
  const tell = useTell(show);
  const card = useLoaded(asked !== null, loadQuestion, tell);
  const View = VIEWS[show.scene.value];
  if (guess.question.value) return <GuessPanel guess={guess} />;
  if (asked && card) return <card.QuestionCard asked={asked} onVote={live!.commands.vote} />;
  return <View show={show} look={look} />;
}

/** Returns a key that changes with the system's colour scheme; each change clears the palette of the canvases. */
function useLook(): string {
  const [dark, setDark] = useState(() => matchMedia('(prefers-color-scheme: dark)').matches);
  useEffect(() => {
    const query = matchMedia('(prefers-color-scheme: dark)');
    const onChange = () => {
      renewPalette();
      setDark(query.matches);
    };
    query.addEventListener('change', onChange);
    return () => query.removeEventListener('change', onChange);
  }, []);
  return dark ? 'dark' : 'light';
}

/** Run the action of `key`. Returns false for a key without an action. */
function act(show: Show, guess: Guess, key: string, isOnControl: boolean): boolean {
  const toggle = (panel: 'knobs' | 'help' | 'qr' | 'elsewhere') => {
    show.panel.value = show.panel.value === panel ? '' : panel;
  };
  if (key === ' ') {
    if (isOnControl) return false;
    show.pause();
  } else if (key === 'ArrowRight') show.turn(1);
  else if (key === 'ArrowLeft') show.turn(-1);
  else if (/^\d$/.test(key) && SCENES[(Number(key) + 9) % 10]) show.go(SCENES[(Number(key) + 9) % 10]!);
  else if (key === '?') toggle('help');
  else if (key.toLowerCase() === 'q') toggle('qr');
  else if (key.toLowerCase() === 'k' && !show.watches) toggle('knobs');
  else if (key.toLowerCase() === 't') toggle('elsewhere');
  else if (key.toLowerCase() === 'n') show.step();
  else if (key.toLowerCase() === 'g') guess.next();
  else if (key.toLowerCase() === 'h') show.hidden.value = !show.hidden.value;
  else if (key.toLowerCase() === 'f') toggleFullScreen();
  else return false;
  return true;
}

/** Does nothing where the browser refuses full screen (in an embedded page). */
function toggleFullScreen(): void {
  const done = document.fullscreenElement ? document.exitFullscreen() : document.documentElement.requestFullscreen();
  done.catch(() => undefined);
}
