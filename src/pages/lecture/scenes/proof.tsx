/** Scene 8: compares this plan's gradients with those of one tab on the same samples, and the ranks' weight hashes. */
import { useState } from 'preact/hooks';
import { nameOf } from '../../../plan/why';
import { TOLERANCE } from '../../../worker/watch/telemetry';
import { count } from '../../state/format';
import type { Proof } from '../facts/feed';
import { hashGroups, onScale } from '../models/cut/agreement';
import { words } from '../words';
import type { SceneProps } from './scene';

const text = words.proof;
/** Lines of the scale, besides the tolerance. */
const DECADES = [1e-2, 1e-6, 1e-8];
const heightOf = (difference: number): string => `${100 * onScale(difference)}%`;

export function ProofScene({ show }: SceneProps) {
  const { proof, plan, ranks, kind, phase, generation } = show.moment.value;
  /** The proof on screen when a new one was requested, undefined before a request. A different proof is the answer. */
  const [before, setBefore] = useState<Proof | null>();
  const groups = plan ? hashGroups(ranks, plan, generation) : [];
  const isRunning = kind === 'live' && (phase === 'training' || phase === 'paused');
  const isAsked = isRunning && before !== undefined && before === proof;
  const ask = () => {
    setBefore(proof);
    show.live.value?.commands.prove();
  };
  return (
    <>
      {show.steers.value && (
        <div class="picks">
          <button type="button" class="button button-go" disabled={!isRunning || isAsked} onClick={ask}>
            {isAsked ? text.proving : text.prove}
          </button>
          <span class="muted">{kind === 'live' && !isRunning ? text.ended : plan && text.against(nameOf(plan))}</span>
        </div>
      )}
      <div class="split-side wide-side">
        <div class="column">
          {proof ? (
            <Verdict proof={proof} parted={show.parted.value} follow={show.picks.value.follow} />
          ) : (
            <p class="soon">{kind === 'simulated' ? text.simulated : text.none}</p>
          )}
        </div>
        <section class="column" aria-labelledby="hashes">
          <h2 id="hashes">{text.hashes}</h2>
          {groups.length === 0 ? (
            <p class="muted">{text.hashesNone}</p>
          ) : (
            <ul class="hashes">
              {groups.map(({ part, hash, step, ranks: who }) => (
                <li key={`${who.join()} ${step} ${hash}`}>
                  <b>{text.replicas(who)}</b> {plan && text.part(plan, part)}{' '}
                  <span class="muted">{words.step(count(step))}</span>
                  <code data-figure="hash" data-value={hash}>
                    {hash.slice(0, 16)}
                  </code>
                </li>
              ))}
            </ul>
          )}
          <p class="muted">{text.hashesSame}</p>
        </section>
      </div>
    </>
  );
}

interface VerdictProps {
  readonly proof: Proof;
  readonly parted: string;
  /** Name of the unit whose tensors are lit, '' for all. */
  readonly follow: string;
}

function Verdict({ proof, parted, follow }: VerdictProps) {
  const isSame = parted === '';
  const worst = Math.max(0, ...proof.tensors.map(({ relativeL2 }) => relativeL2));
  const largest = Math.max(0, ...proof.tensors.map(({ maxAbs }) => maxAbs));
  return (
    <>
      <div class={isSame ? 'verdict' : 'verdict parted'} role={isSame ? 'status' : 'alert'}>
        <strong data-figure="verdict">{isSame ? text.same : parted}</strong>
        <span>
          {words.step(count(proof.step))}, {text.tensors(proof.tensors.length)}
        </span>
      </div>
      <dl class="proof-figures">
        <div>
          <dt>{text.relative}</dt>
          <dd data-figure="proof-relative" data-value={worst}>
            {worst.toExponential(1)}
          </dd>
        </div>
        <div>
          <dt>{text.largest}</dt>
          <dd data-figure="proof-largest" data-value={largest}>
            {largest.toExponential(1)}
          </dd>
        </div>
      </dl>
      <div class="proof-chart">
        {DECADES.map((value) => (
          <span key={value} class="proof-decade" style={{ bottom: heightOf(value) }}>
            {value.toExponential(0)}
          </span>
        ))}
        <span class="proof-limit" style={{ bottom: heightOf(TOLERANCE) }}>
          {text.limit(TOLERANCE.toExponential(0))}
        </span>
        <ol class="proof-bars" aria-label={text.scale}>
          {proof.tensors.map(({ name, relativeL2 }) => (
            <li
              key={name}
              class={name === proof.parted ? 'parted' : follow && !name.startsWith(`${follow}/`) ? 'pale' : ''}
              title={`${name}: ${relativeL2.toExponential(1)}`}
            >
              <span style={{ height: heightOf(relativeL2) }} />
            </li>
          ))}
        </ol>
      </div>
      <p class="muted">{text.scale}</p>
    </>
  );
}
