/** The last scene: five ways to cut a run side by side, when to choose which, and three questions about this room. */
import { useEffect, useMemo } from 'preact/hooks';
import { computeEvents } from '../../../trace/stats';
import { bytes, count, milliseconds, rate } from '../../state/format';
import type { Moment } from '../facts/moment';
import { parameterCount } from '../facts/units';
import { calibrate } from '../models/choice/calibrate';
import { type Decision, decisionOf, type RoomFigures } from '../models/choice/decision';
import { FAMILIES, type Family, type Glance, glanceOf, planOf, SCENE_OF } from '../models/choice/glance';
import { fullNameOf } from '../models/choice/ranking';
import { conditionsOf, digestOf, fullest, keyOf } from '../models/digest';
import { TableHead } from '../parts/tablehead';
import { pacedTo } from '../show/pacing';
import type { Show } from '../show/show';
import { Trials } from '../show/trials';
import { percent, words } from '../words';
import { ROOM_MEMORY_BYTES, useAdvice } from './advice';
import type { SceneProps } from './scene';

const text = words.glance;

/** The figures of a row, with the function that formats each. */
const CELLS: readonly (readonly [keyof Glance, (value: number) => string])[] = [
  ['stateBytes', bytes],
  ['activationBytes', bytes],
  ['sentBytes', bytes],
  ['stops', (value) => count(Math.round(value))],
  ['hidden', percent],
  ['bubble', percent],
  ['tokensPerSecond', rate],
];

export function GlanceScene({ show }: SceneProps) {
  const moment = show.moment.value;
  const trials = useMemo(() => new Trials(show), [show]);
  useEffect(() => () => trials.stop(), [trials]);
  const { run } = moment;
  if (!run) return <p class="soon">{words.noStep}</p>;
  const tabs = Math.max(2, show.machines.length);
  const plans = FAMILIES.flatMap((family) => {
    const plan = planOf(family, tabs, run, show.picks.value);
    return plan ? [{ family, plan }] : [];
  });
  return (
    <>
      <div class="glance-bar">
        {show.steers.value && (
          <button
            type="button"
            class="button button-go"
            disabled={trials.plans.value !== null}
            onClick={() => trials.start(plans.map(({ plan }) => plan))}
          >
            {trials.plans.value ? text.measuring : text.measure}
          </button>
        )}
        <span class="muted">{text.note}</span>
      </div>
      <table class="glance-table">
        <TableHead columns={text.columns} />
        <tbody>
          {plans.map(({ family, plan }) => (
            <Row key={family} show={show} family={family} plan={plan} />
          ))}
        </tbody>
      </table>
      <Path show={show} moment={moment} tabs={tabs} />
    </>
  );
}

interface RowProps {
  readonly show: Show;
  readonly family: Family;
  readonly plan: NonNullable<ReturnType<typeof planOf>>;
}

function Row({ show, family, plan }: RowProps) {
  const measured = show.digests.value.get(keyOf(plan, show.feed.value.kind));
  const imagined = useMemo(() => {
    const moment = measured ? null : show.imagine(plan);
    return moment ? digestOf(moment, undefined) : undefined;
  }, [measured, show, JSON.stringify(plan)]);
  const digest = measured ?? imagined;
  const glance = digest && glanceOf(digest);
  const isMeasured = measured !== undefined && show.feed.value.kind !== 'simulated';
  const isStale = isMeasured && measured.conditions !== conditionsOf(show.feed.value.ranks.value);
  return (
    <tr class={isStale ? 'stale' : ''}>
      <th scope="row">
        <button type="button" class="link" onClick={() => show.go(SCENE_OF[family])}>
          {text.families[family]}
        </button>
        <span class="muted">{isStale ? text.stale : fullNameOf(plan)}</span>
      </th>
      {CELLS.map(([cell, print]) => (
        <td
          key={cell}
          class={isMeasured ? '' : 'predicted'}
          data-figure={`glance-${family}-${cell}`}
          data-value={isMeasured ? glance?.[cell] : undefined}
        >
          {glance ? print(glance[cell]) : '–'}
        </td>
      ))}
      <td class="glance-when">{text.when[family]}</td>
    </tr>
  );
}

/** The figures of the room that the three questions need; undefined before the first step. */
function figuresOf(show: Show, moment: Moment, tabs: number): RoomFigures | undefined {
  const known = calibrate(moment);
  const { run, ranks, plan, events } = moment;
  if (!known || !run || !plan) return undefined;
  const alone = show.imagine({ ...plan, dp: 1, pp: 1, tp: 1, zero: 0, microbatches: 1, chunks: 1, schedule: '1f1b' });
  const digest = alone && digestOf(alone, undefined);
  const passes = computeEvents(events).filter(({ name }) => name !== 'F');
  const backward = passes.reduce((sum, { t0, t1 }) => sum + t1 - t0, 0);
  const machines = ranks.map(({ machine }) => machine).filter((machine) => machine !== undefined);
  return {
    tabs,
    aloneBytes: digest ? fullest(digest) : 0,
    limitBytes: ROOM_MEMORY_BYTES,
    parameterBytes: 4 * parameterCount(run),
    links: known.links,
    backwardMs: backward / tabs,
    onOneMachine: Math.max(0, ...machines.map((machine) => machines.filter((other) => other === machine).length)),
  };
}

function Path({ show, moment, tabs }: { readonly show: Show; readonly moment: Moment; readonly tabs: number }) {
  const adviser = useAdvice(show);
  const room = figuresOf(show, moment, tabs);
  if (!room) return null;
  const decision: Decision = decisionOf(room);
  const isPaced = pacedTo(moment.ranks) !== '';
  return (
    <ol class="glance-path">
      <li>
        <b>{text.fit}</b> {text.fits(bytes(room.aloneBytes), bytes(room.limitBytes), decision.fits)}
      </li>
      <li>
        <b>{text.link}</b>{' '}
        {text.hides(milliseconds(decision.reduceMs), milliseconds(room.backwardMs), decision.hides, isPaced)}
      </li>
      <li>
        <b>{text.many}</b> {text.near(tabs, room.onOneMachine)}
      </li>
      <li class="predicted-box">
        <b>{text.planner}</b> {adviser.advice.value?.why ?? (adviser.refused.value || words.which.thinking)}
      </li>
    </ol>
  );
}
