/** Two plans on one time scale: a step of each, with its parts, its memory and its tokens/s. */
import { useSignal } from '@preact/signals';
import { useEffect, useMemo } from 'preact/hooks';
import type { ParallelPlan } from '../../../plan/plan';
import { bytes, milliseconds, rate } from '../../state/format';
import { tokensPerStep } from '../facts/units';
import { fullNameOf, plansOf } from '../models/choice/ranking';
import { conditionsOf, cutOf, type Digest, digestOf, fullest, keyOf } from '../models/digest';
import { DOINGS, stepOf } from '../models/traffic/segments';
import { DoingLegend, SegmentsView } from '../pictures/segmentsview';
import type { Show } from '../show/show';
import { Trials } from '../show/trials';
import { words } from '../words';
import { useAdvice } from './advice';
import type { SceneProps } from './scene';

const text = words.two;

export function TwoPlans({ show, look }: SceneProps) {
  const advice = useAdvice(show).advice.value;
  const plans = useMemo(() => (advice ? plansOf(advice) : []), [advice]);
  const chosen = useSignal<readonly [number, number]>([1, 5]);
  const trials = useMemo(() => new Trials(show), [show]);
  useEffect(() => () => trials.stop(), [trials]);
  if (plans.length < 2) return <p class="soon">{words.which.thinking}</p>;
  const both = chosen.value.map((index) => plans[Math.min(index, plans.length - 1)]!);
  const sides = both.map((plan) => sideOf(show, plan));
  const lanes = sides.flatMap(({ plan, digest, isExpected }) =>
    digest ? [{ title: fullNameOf(plan), segments: digest.segments, isExpected }] : [],
  );
  return (
    <>
      <div class="picks">
        {both.map((plan, side) => (
          <label key={side} class="choice-line">
            {side === 0 ? text.first : text.second}
            <select
              value={plans.indexOf(plan)}
              onChange={(event) => {
                const index = Number(event.currentTarget.value);
                chosen.value = side === 0 ? [index, chosen.value[1]] : [chosen.value[0], index];
              }}
            >
              {plans.map((one, index) => (
                <option key={cutOf(one)} value={index}>
                  {fullNameOf(one)}
                </option>
              ))}
            </select>
          </label>
        ))}
        {show.steers.value && (
          <button
            type="button"
            class="button button-go"
            disabled={trials.plans.value !== null}
            onClick={() => trials.start(both)}
          >
            {trials.plans.value ? text.running : text.run}
          </button>
        )}
      </div>
      <DoingLegend />
      <div class="two-place">
        <SegmentsView frames={show.frames} look={look} lanes={lanes} label={text.label(both.map(fullNameOf))} />
      </div>
      <div class="two-sides">
        {sides.map((side, index) => (
          <Side key={index} index={index} show={show} {...side} />
        ))}
      </div>
    </>
  );
}

interface Known {
  readonly plan: ParallelPlan;
  readonly digest: Digest | undefined;
  readonly isExpected: boolean;
}

/** The plan's digest as measured in this room under the present handicaps, else from the simulator, if it can run. */
function sideOf(show: Show, plan: ParallelPlan): Known {
  const digest = show.digests.value.get(keyOf(plan, show.feed.value.kind));
  if (digest?.conditions === conditionsOf(show.feed.value.ranks.value)) return { plan, digest, isExpected: false };
  const imagined = show.imagine(plan);
  return { plan, digest: imagined ? digestOf(imagined, undefined) : undefined, isExpected: true };
}

function Side({ show, plan, digest, isExpected, index }: Known & { readonly show: Show; readonly index: number }) {
  const { run } = show.moment.value;
  if (!digest || !run) return <p class="soon">{words.noStep}</p>;
  const stepMs = digest.tokensPerSecond > 0 ? (1000 * tokensPerStep(run)) / digest.tokensPerSecond : 0;
  const figure = (name: string, value: number, print: (value: number) => string) => (
    <b
      class={isExpected ? 'predicted' : ''}
      data-figure={`two-${index}-${name}`}
      data-value={isExpected ? undefined : value}
    >
      {print(value)}
    </b>
  );
  return (
    <section aria-label={fullNameOf(plan)}>
      <h2>
        {fullNameOf(plan)} {isExpected && <span class="mark">{text.expected}</span>}
      </h2>
      <p>
        {DOINGS.filter((doing) => digest.parts[doing] > 0.05).map((doing) => (
          <span key={doing} class="two-part">
            {text.doings[doing]} {figure(doing, digest.parts[doing], milliseconds)}
          </span>
        ))}
      </p>
      <p>
        {text.sum} {figure('sum', stepOf(digest.parts), milliseconds)}, {text.step}{' '}
        {figure('step', stepMs, milliseconds)}. {text.memory} {figure('memory', fullest(digest), bytes)}.{' '}
        {figure('rate', digest.tokensPerSecond, rate)} {words.rate}
      </p>
    </section>
  );
}
