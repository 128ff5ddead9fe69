/**
 * Scene 4: one step of every tab above the ideal schedule, or all schedules side by side; with a choice of latency.
 */
import { useSignal } from '@preact/signals';
import { useEffect, useMemo } from 'preact/hooks';
import { SCHEDULES, type ScheduleName } from '../../../plan/plan';
import { count } from '../../state/format';
import type { StagedMoment } from '../facts/moment';
import { stageOfUnit, unitsOf } from '../facts/units';
import { type Compared, sideBySide } from '../models/choice/sidebyside';
import { followedIn } from '../models/cut/followed';
import { conditionsOf, isSameCut, keyOf } from '../models/digest';
import { Analyser, type Analysis, sketchOf } from '../models/pipelineanalysis';
import { EMPTY } from '../models/time/gantt';
import { Choice } from '../parts/choice';
import { useLater } from '../parts/later';
import { GanttView, type Track } from '../pictures/ganttview';
import { Legend } from '../pictures/legend';
import { LEAST_STEPS, Trials } from '../show/trials';
import { percent, words } from '../words';
import type { SceneProps } from './scene';
import { AllSchedules } from './schedules';

const LATENCIES = [0, 20, 50, 100];
const DEPTHS = [1, 2, 4];

export function PipelineScene({ show, look }: SceneProps) {
  const moment = show.stage.value;
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
  // why: earlier measurements do not hold for other latencies, microbatches or numbers of tabs
  useEffect(() => {
    const isRunning = (one: Compared) => isSameCut(plan, one.plan);
    const open = compared.filter(({ digest }) => digest?.isFirst ?? true);
    if (about !== '' && open.length > 0)
      // why the running one first: it needs no change of plans
      trials.start(
        [...open.filter(isRunning), ...open.filter((one) => !isRunning(one))].map((one) => one.plan),
        LEAST_STEPS,
      );
  }, [about, trials]);
  return (
    <>
      {show.steers.value && (
        <div class="picks">
          <Choice
            label={text.schedule}
            isLabelled={false}
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

/** With more tabs, rows would be too low to read; the ideal schedule is then not drawn, only its figure is shown. */
const MOST_TRACKED = 5;

function tracksOf(
  { measured, ideal }: Analysis,
  { ranks, kind, step, source }: StagedMoment,
  lit: number | undefined,
): readonly Track[] {
  const rows = ranks.map(({ rank }) => words.tab(rank));
  const { expected, part } = words.marks;
  const ran = kind === 'simulated' ? words.pipeline.simulated : words.pipeline.measured(count(step));
  const title = source === 'expected' ? expected : source === 'part' ? part : ran;
  const first = { title, gantt: measured, rows, lit };
  // why also without bars: the first track keeps its height when they come
  const second = { title: words.pipeline.ideal, gantt: ideal ?? { ...EMPTY, ranks: ranks.length }, rows, lit };
  return ranks.length > MOST_TRACKED ? [first] : [first, second];
}

/** The stage of the followed unit; undefined where nothing is followed. */
function stageLit({ run, plan }: StagedMoment, follow: string): number | undefined {
  const followed = followedIn(run, follow);
  return run && plan && followed ? stageOfUnit(unitsOf(run, plan), plan)[followed.unit] : undefined;
}

/** Formats a difference of two shares as signed percentage points. */
const points = (difference: number): string => `${difference < 0 ? '-' : '+'}${Math.abs(Math.round(100 * difference))}`;

function OneSchedule({ show, look }: SceneProps) {
  const moment = show.stage.value;
  const { ranks, kind } = moment;
  const analyser = useMemo(() => new Analyser(), []);
  const later = useLater(show.frames, moment, (now) => analyser.of(now));
  const view = later ?? sketchOf(moment);
  const ideal = view?.ideal;
  const text = words.pipeline;
  const lit = stageLit(moment, show.picks.value.follow);
  const tracks = useMemo(() => (view ? tracksOf(view, moment, lit) : []), [view, lit]);
  const digest = moment.plan ? show.digests.value.get(keyOf(moment.plan, kind)) : undefined;
  return (
    <div class="split-side">
      <div class="gantt-place">
        {view ? (
          <GanttView
            frames={show.frames}
            look={look}
            tracks={tracks}
            alive={view.alive}
            label={text.label(percent(view.measured.bubble), ideal ? percent(ideal.bubble) : '–', ranks.length)}
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
            <dd class="side-note">{view && ideal && text.measuredNote(points(view.measured.bubble - ideal.bubble))}</dd>
            {digest && digest.samples > 1 && digest.conditions === conditionsOf(ranks) && (
              <dd class="side-note" data-figure="bubble-mean" data-value={digest.bubble}>
                {text.mean(percent(digest.bubble), digest.samples)}
              </dd>
            )}
          </div>
          <div>
            <dt>{text.idealBubble}</dt>
            <dd data-figure="bubble-ideal" data-value={ideal?.bubble}>
              {ideal ? percent(ideal.bubble) : '–'}
            </dd>
            <dd class="side-note">{view && ideal && text.idealNote(points(ideal.bubble - view.formula.bubble))}</dd>
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
