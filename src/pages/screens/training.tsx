/** The training screen: the curve, the figures, who takes part, what moves between them, and what the model writes. */
import { useState } from 'preact/hooks';
import { messages } from '../messages';
import { Banner } from '../parts/banner';
import { Figure } from '../parts/figure';
import { useLoaded } from '../parts/loaded';
import { LossChart } from '../parts/losschart';
import { Memory } from '../parts/memory';
import { Peers } from '../parts/peers';
import { Ring } from '../parts/ring';
import { Sample } from '../parts/sample';
import { saveFile } from '../parts/savefile';
import { Share } from '../parts/share';
import { count, duration, loss, milliseconds, rate } from '../state/format';
import type { Session } from '../state/session';
import type { ModelFiles, TabStatus } from '../tab';
import type { Visit } from '../visit';

/** What the first steps do without is loaded after them. */
const LATER_STEP = 10;
const loadLater = () => import('./later');
const loadChat = () => import('../chat/runchat');
const loadDownloads = () => import('../parts/downloads');

interface Props {
  readonly visit: Visit;
  /** Changes when the colours do. */
  readonly look: string;
}

export function TrainingScreen({ visit, look }: Props) {
  const { session } = visit;
  const status = session.status.value;
  const people = visit.people.value;
  const members = people.filter(({ rank }) => rank !== null);
  const { logScale } = visit.settings.value;
  const [isAsking, setAsking] = useState(false);
  const chat = useLoaded(isAsking, loadChat, visit.tell);
  const later = useLoaded((session.newest.value?.step ?? 0) >= LATER_STEP, loadLater, visit.tell);
  return (
    // why not translated: a translator replaces text nodes, and the figures would then stand still
    <main class="training" translate={false}>
      <Controls visit={visit} />
      <section class="card loss" aria-labelledby="loss-heading">
        <h2 id="loss-heading" class="visually-hidden">
          {messages.loss.heading}
        </h2>
        <Figures session={session} />
        {later && <later.Later session={session} isAsking={isAsking} />}
        <LossChart
          series={session.series}
          version={session.seriesVersion.value}
          steps={status.steps}
          logScale={logScale}
          look={look}
          onProblem={visit.tell}
        />
        <div class="loss-foot">
          <span class="note">{messages.loss.axes}</span>
          <button
            type="button"
            class="button button-quiet"
            disabled={session.newest.value === null}
            onClick={() => saveFile('metrics.csv', session.csv(), 'text/csv')}
          >
            {messages.loss.csv}
          </button>
          <label class="check">
            <input
              type="checkbox"
              checked={logScale}
              onChange={(event) => visit.setLogScale(event.currentTarget.checked)}
            />
            {messages.loss.log}
          </label>
        </div>
      </section>
      <section class="card people" aria-labelledby="peers-heading">
        <div class="card-head">
          <h2 id="peers-heading">{messages.peers.heading}</h2>
          <span class="badge">{people.length}</span>
        </div>
        <Share link={visit.link.value} onProblem={visit.tell} onDone={(text) => session.say(text)} />
        {members.length > 0 && (
          <Ring
            peers={members}
            rates={session.linkRates.value}
            step={status.phase === 'training' ? (session.newest.value?.step ?? 0) : null}
          />
        )}
        <Peers people={people} onRename={(name) => visit.rename(name)} />
      </section>
      <section class="card writes" aria-labelledby="sample-heading">
        <h2 id="sample-heading">{messages.sample.heading}</h2>
        <Sample status={status} people={people} />
        {chat ? (
          <chat.RunChat session={session} />
        ) : (
          <button
            type="button"
            class="button"
            disabled={session.newest.value === null || isAsking}
            onClick={() => setAsking(true)}
          >
            {messages.sample.ask}
          </button>
        )}
      </section>
      <section class="card holds" aria-labelledby="memory-heading">
        <h2 id="memory-heading">{messages.memory.heading}</h2>
        <Memory memory={status.memory} />
      </section>
    </main>
  );
}

function Controls({ visit }: { readonly visit: Visit }) {
  const { session } = visit;
  const { phase, step, steps, kept } = session.status.value;
  const { text, model } = visit.runWords.value;
  const [files, setFiles] = useState<ModelFiles | null>(null);
  const [isPreparing, setPreparing] = useState(false);
  const download = async () => {
    setPreparing(true);
    setFiles(await session.download());
    setPreparing(false);
  };
  const downloads = useLoaded(files !== null, loadDownloads, visit.tell);
  const words = messages.control;
  const ended = phase === 'done' || phase === 'stopped' || phase === 'failed';
  return (
    <div class="controls">
      <div class="controls-run">
        <h1>{text}</h1>
        <p class="note">{model}</p>
        {kept?.sentence === '' && kept.step !== null && <p class="note kept">{words.kept(count(kept.step))}</p>}
      </div>
      <div class="controls-step">
        <span class={`phase phase-${phase}`}>{messages.phase[phase]}</span>
        <progress value={step} max={Math.max(1, steps)} aria-label={messages.figures.step} />
        <span class="controls-count">
          {messages.figures.step} <b>{count(step)}</b> {messages.figures.of(count(steps))}
        </span>
      </div>
      <div class="controls-buttons">
        {phase === 'paused' ? (
          <button type="button" class="button" onClick={() => session.pause(false)}>
            {words.resume}
          </button>
        ) : (
          <button
            type="button"
            class="button"
            disabled={phase !== 'training'}
            title={words.pauseNote}
            onClick={() => session.pause(true)}
          >
            {words.pause}
          </button>
        )}
        {ended && visit.joinsRun.value && (
          <button type="button" class="button" onClick={() => visit.start()}>
            {words.again}
          </button>
        )}
        {ended ? (
          <button type="button" class="button" onClick={() => session.leave()}>
            {words.newRun}
          </button>
        ) : (
          <button
            type="button"
            class="button"
            disabled={phase === 'opening'}
            title={words.stopNote}
            onClick={() => session.stop()}
          >
            {words.stop}
          </button>
        )}
        <button
          type="button"
          class="button"
          disabled={session.newest.value === null || isPreparing}
          onClick={() => void download()}
        >
          {isPreparing ? words.preparing : words.download}
        </button>
      </div>
      <Said status={session.status.value} />
      <Banner kind="note" sentence={session.newer.value} />
      {kept && kept.sentence !== '' && (
        <Banner kind="problem" sentence={words.notKept(kept.sentence, kept.step === null ? null : count(kept.step))} />
      )}
      {downloads && <downloads.Downloads files={files} onClose={() => setFiles(null)} onProblem={visit.tell} />}
    </div>
  );
}

/** Says why the tab does not train, if the phase alone does not say it. */
function Said({ status: { phase, sentence } }: { readonly status: TabStatus }) {
  const isKnown = phase === 'training' || phase === 'paused';
  return <Banner kind={phase === 'failed' ? 'problem' : 'note'} sentence={isKnown ? '' : sentence} />;
}

function Figures({ session }: { readonly session: Session }) {
  const { tokensPerSecond, step, steps, phase } = session.status.value;
  const { none, ...words } = messages.figures;
  const newest = session.newest.value;
  const heldOut = session.heldOut.value;
  const ms = session.msPerStep.value;
  const left = phase === 'training' && ms > 0 ? duration(((steps - step) * ms) / 1000) : none;
  const speed = (value: number) => (value > 0 ? rate(value) : none);
  return (
    <dl class="figures">
      <Figure name={words.train} line="train" value={newest ? loss(newest.loss) : none} unit={words.unit} />
      <Figure
        name={words.heldOut}
        line="held-out"
        value={heldOut?.heldOutLoss !== undefined ? loss(heldOut.heldOutLoss) : none}
        unit={heldOut ? words.atStep(count(heldOut.step)) : words.unit}
      />
      <Figure name={words.mine} value={speed(tokensPerSecond.mine)} unit={words.tokens} />
      <Figure name={words.room} value={speed(tokensPerSecond.room)} unit={words.tokens} />
      <Figure name={words.left} value={left} unit={ms > 0 ? words.perStep(milliseconds(ms)) : ''} />
    </dl>
  );
}
