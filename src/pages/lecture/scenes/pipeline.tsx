/**
 * Scene 4: what every tab did in one step above what it would do ideally, or every schedule side by side; latency to turn up.
 */
import { useSignal } from '@preact/signals';
import { useEffect, useMemo } from 'preact/hooks';
import { SCHEDULES, type ScheduleName } from '../../../plan/plan';
import { count } from '../../state/format';
import type { Moment } from '../facts/moment';
import { stageOfUnit, unitsOf } from '../facts/units';
import { conditionsOf, cutOf, keyOf } from '../models/digest';
import { EMPTY, ganttOf, meanPasses, type Pass } from '../models/gantt';
import { bubbleFormula, idealOf } from '../models/ideal';
import { type Compared, sideBySide } from '../models/sidebyside';
import { Choice } from '../parts/choice';
import { useLater } from '../parts/later';
import { GanttView } from '../pictures/ganttview';
import { Legend } from '../pictures/legend';
import { SchedulesView } from '../pictures/schedulesview';
import { Trials } from '../show/trials';
import { percent, words } from '../words';
import type { SceneProps } from './scene';

const LATENCIES = [0, 20, 50, 100, 200];
const DEPTHS = [1, 2, 4];
/** Some schedule has each of them. */
const PASSES: readonly Pass[] = ['F', 'B', 'I', 'W'];

/** Of so many live moments one computes the ideal schedule anew: from step to step the times of its passes hardly change. */
const IDEAL_EVERY = 4;

/** Both schedules and the three bubbles of a moment; null before there is a step of a pipeline. */
class Analysis {
  #key = '';
  #count = 0;
  #idealOf: ReturnType<typeof idealOf> | undefined;
  #ideal = EMPTY;

  of({ run, plan, events, step, ranks, kind }: Moment) {
    if (!run || !plan || step < 0) return null;
    const units = unitsOf(run, plan);
    const measured = ganttOf(events, ranks.length, stageOfUnit(units, plan));
    if (measured.bars.length === 0) return null;
    const key = `${cutOf(plan)} ${JSON.stringify(run)}`;
    if (key !== this.#key) {
      this.#key = key;
      this.#count = 0;
      this.#idealOf = idealOf(plan, units);
    }
    if (kind !== 'live' || this.#count++ % IDEAL_EVERY === 0) this.#ideal = this.#idealOf!(meanPasses(events));
    const rows = ranks.map(({ rank }) => words.tab(rank));
    const title = kind === 'simulated' ? words.pipeline.simulated : words.pipeline.measured(count(step));
    const tracks = [
      { title, gantt: measured, rows },
      { title: words.pipeline.ideal, gantt: this.#ideal, rows },
    ];
    return { measured, ideal: this.#ideal, formula: bubbleFormula(plan), tracks };
  }
}

export function PipelineScene({ show, look }: SceneProps) {
  const moment = show.moment.value;
  const { ranks, plan } = moment;
  const trials = useMemo(() => new Trials(show), [show]);
  useEffect(() => () => trials.stop(), [trials]);
  const isAll = useSignal(false);
  const compared = sideBySide(moment, show.digests.value);
  const text = words.pipeline;
  const picks = show.picks.value;
  const pick = (schedule: ScheduleName | 'all') => {
    isAll.value = schedule === 'all';
    trials.stop();
    if (schedule !== 'all') show.pick({ schedule });
  };
  const about = isAll.value && plan ? `${conditionsOf(ranks)} ${plan.pp} ${plan.microbatches}` : '';
  // why: what was measured before says nothing of other latencies, microbatches or tabs
  useEffect(() => {
    if (about !== '') trials.start(compared.map((one) => one.plan));
  }, [about, trials]);
  return (
    <>
      {show.steers.value && (
        <div class="picks">
          <Choice
            label={text.schedule}
            values={[...SCHEDULES, 'all'] as const}
            value={isAll.value ? 'all' : picks.schedule}
            nameOf={(one) => (one === 'all' ? text.all : text.schedules[one])}
            onChange={pick}
          />
          <Choice
            label={text.depth}
            values={DEPTHS}
            value={picks.depth}
            nameOf={(depth) => String(depth * Math.max(1, ranks.length))}
            onChange={(depth) => show.pick({ depth })}
          />
          <Choice
            label={text.latency}
            values={LATENCIES}
            value={ranks[0]?.handicap.latencyMs ?? 0}
            nameOf={(ms) => `${ms}`}
            onChange={(latencyMs) => show.handicapAll({ latencyMs })}
          />
        </div>
      )}
      {isAll.value ? (
        <AllSchedules show={show} look={look} compared={compared} trials={trials} />
      ) : (
        <OneSchedule show={show} look={look} />
      )}
    </>
  );
}

function OneSchedule({ show, look }: SceneProps) {
  const moment = show.moment.value;
  const { ranks, kind } = moment;
  const analysis = useMemo(() => new Analysis(), []);
  const view = useLater(show.frames, moment, (now) => analysis.of(now));
  const text = words.pipeline;
  const digest = moment.plan ? show.digests.value.get(keyOf(moment.plan, kind)) : undefined;
  return (
    <div class="split-side">
      <div class="gantt-place">
        {view ? (
          <GanttView
            frames={show.frames}
            look={look}
            tracks={view.tracks}
            label={text.label(percent(view.measured.bubble), percent(view.ideal.bubble), ranks.length)}
          />
        ) : (
          <p class="soon">{words.noStep}</p>
        )}
      </div>
      <div class="column">
        <dl class="side">
          <div class="side-main">
            <dt>{text.bubble}</dt>
            <dd data-figure="bubble" data-value={view?.measured.bubble}>
              {view ? percent(view.measured.bubble) : '–'}
            </dd>
            <dd class="side-note">{text.bubbleNote}</dd>
            {digest && digest.samples > 1 && (
              <dd class="side-note" data-figure="bubble-mean" data-value={digest.bubble}>
                {text.mean(percent(digest.bubble), digest.samples)}
              </dd>
            )}
          </div>
          <div>
            <dt>{text.idealBubble}</dt>
            <dd data-figure="bubble-ideal" data-value={view?.ideal.bubble}>
              {view ? percent(view.ideal.bubble) : '–'}
            </dd>
          </div>
          <div>
            <dt>{text.formula}</dt>
            <dd data-figure="bubble-formula" data-value={view?.formula.bubble}>
              {view ? percent(view.formula.bubble) : '–'}
            </dd>
            <dd class="side-note">{view && text.formulaOf(view.formula.letters, view.formula.text)}</dd>
          </div>
        </dl>
        <Legend passes={view ? [...new Set(view.measured.bars.map(({ pass }) => pass))] : []} />
      </div>
    </div>
  );
}

interface AllProps extends SceneProps {
  readonly compared: readonly Compared[];
  readonly trials: Trials;
}

function AllSchedules({ show, look, compared, trials }: AllProps) {
  const text = words.pipeline;
  const plans = trials.plans.value;
  const running = plans?.[trials.at.value];
  return (
    <div class="split-side">
      <div class="gantt-place gantt-all">
        {compared.length > 0 ? (
          <SchedulesView frames={show.frames} look={look} compared={compared} />
        ) : (
          <p class="soon">{words.noStep}</p>
        )}
      </div>
      <div class="column">
        <dl class="side side-pairs">
          {compared.map(({ schedule, digest, formula }) => (
            <div key={schedule}>
              <dt>{text.schedules[schedule]}</dt>
              <dd data-figure={`bubble-${schedule}`} data-value={digest?.bubble}>
                {digest ? percent(digest.bubble) : '–'}
              </dd>
              <dd class="side-note">{text.formulaShort(percent(formula.bubble))}</dd>
            </div>
          ))}
        </dl>
        <p class="muted" role="status">
          {running && plans
            ? words.which.trying(text.schedules[running.schedule], trials.at.value + 1, plans.length)
            : text.bubbleNote}
        </p>
        <Legend passes={PASSES} />
      </div>
    </div>
  );
}
