/** The first screen: what this is, whether this device can take part, what will be trained, and one big button. */

import { messages } from '../messages';
import { DeviceCard } from '../parts/device';
import { ModelChoice } from '../parts/modelchoice';
import { Peers } from '../parts/peers';
import { Share } from '../parts/share';
import { TextChoice } from '../parts/textchoice';
import { count } from '../state/format';
import { vocabularyOf } from '../state/texts';
import type { Visit } from '../visit';

const words = messages.first;

export function FirstScreen({ visit }: { readonly visit: Visit }) {
  const { session } = visit;
  const device = session.device.value;
  const joins = visit.joinsRun.value;
  const others = Math.max(0, session.roster.value.size - 1);
  const canStart = device?.ok === true;
  // why not where others train: joining them takes the newest state, which may be the one kept here
  const kept = joins ? null : session.kept.value;
  const cannotStart = device?.ok === false;
  return (
    <main class="first">
      <section class="hero" aria-labelledby="title">
        <h1 id="title">{words.title}</h1>
        <p class="lead">{words.lead}</p>
        {visit.invited && !kept && (
          <p class="invited">
            <b>{words.invited}.</b> {words.invitedLead(others)}
          </p>
        )}
        {kept && (
          <p class="invited kept">
            <b>{words.keptTitle(count(kept.step))}</b> {kept.whole ? words.keptLead : words.keptPart}
          </p>
        )}
        <div class="start" translate={false}>
          {kept && (
            <button type="button" class="button-big" disabled={!canStart} onClick={() => visit.goOn()}>
              {words.goOn(count(kept.step))}
            </button>
          )}
          <button
            type="button"
            class={kept ? 'button' : 'button-big'}
            disabled={!canStart}
            onClick={() => visit.start()}
          >
            {joins ? words.join : kept ? words.anew : words.start}
          </button>
          {visit.invited && (
            <a class={cannotStart ? 'button-big' : 'button'} href={visit.watchLink}>
              {cannotStart ? words.watchInstead : words.watch}
            </a>
          )}
          <p class="note">
            {!device ? words.waitingForDevice : canStart ? (joins ? words.joinQuiet : words.quiet) : words.cannot}
          </p>
        </div>
        <DeviceCard report={device} onCopied={(text) => session.say(text)} onProblem={visit.tell} />
      </section>
      <section class="card setup">
        {joins ? <RoomsRun visit={visit} /> : <OwnRun visit={visit} />}
        <div class="setup-share">
          <h2>{messages.share.heading}</h2>
          <Share link={visit.link.value} onProblem={visit.tell} onDone={(text) => session.say(text)} />
          {others > 0 && <Peers people={visit.people.value} />}
        </div>
      </section>
      <footer class="note">
        {/* written by the build (vite.config.ts) */}
        <a href="./notices.txt">{messages.notices}</a>
      </footer>
    </main>
  );
}

function OwnRun({ visit }: { readonly visit: Visit }) {
  const choice = visit.choice.value;
  const own = visit.own.value;
  const brought = visit.brought.value;
  const facts = visit.facts.value;
  return (
    <>
      <TextChoice
        choice={choice}
        own={own}
        facts={facts}
        hasTokenizer={brought !== null}
        onChange={visit.choose}
        onOwn={visit.takeOwn}
        onFiles={(files) => void visit.takeFiles(files)}
        onHeldOut={(files) => void visit.holdOut(files)}
      />
      {brought ? (
        <brought.Panel desk={brought.desk} onRemove={visit.leaveModel} />
      ) : (
        <>
          <ModelChoice
            choice={choice}
            vocabulary={vocabularyOf(choice, facts)}
            onChange={visit.choose}
            onProblem={visit.tell}
          />
          <ModelFiles visit={visit} />
        </>
      )}
    </>
  );
}

/** A model to start from, for those who do not drop it on the page. */
function ModelFiles({ visit }: { readonly visit: Visit }) {
  const folder = (input: HTMLInputElement | null) => input?.setAttribute('webkitdirectory', '');
  return (
    <p class="note">
      {messages.model.from}{' '}
      <label class="button button-quiet">
        {messages.model.fromFolder}
        <input
          ref={folder}
          type="file"
          class="visually-hidden"
          onChange={({ currentTarget: { files } }) => files?.length && void visit.bring([...files])}
        />
      </label>
    </p>
  );
}

/** Joining takes the room's run, so there is nothing to choose. */
function RoomsRun({ visit }: { readonly visit: Visit }) {
  const { text, model, steps } = visit.runWords.value;
  return (
    <div class="rooms-run">
      <h2>{messages.run.ofRoom}</h2>
      {visit.knowsRun.value ? (
        <dl class="pairs">
          <dt>{messages.run.text}</dt>
          <dd>{text}</dd>
          <dt>{messages.run.model}</dt>
          <dd>{model}</dd>
          <dt>{messages.run.length}</dt>
          <dd>{steps}</dd>
        </dl>
      ) : (
        <p class="note">{messages.run.untold}</p>
      )}
    </div>
  );
}
