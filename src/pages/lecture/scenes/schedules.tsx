/** The newest step of every schedule of the pipeline, side by side on one time scale. */
import { useEffect, useRef, useState } from 'preact/hooks';
import type { ParallelPlan, ScheduleName } from '../../../plan/plan';
import { stageOfUnit, unitsOf } from '../facts/units';
import type { Compared } from '../models/choice/sidebyside';
import { EMPTY, type Gantt, type GanttPass, ganttOf, replacedBy } from '../models/time/gantt';
import { Legend } from '../pictures/legend';
import { SchedulesView } from '../pictures/schedulesview';
import type { Show } from '../show/show';
import type { Trials } from '../show/trials';
import { percent, words } from '../words';
import type { SceneProps } from './scene';

/** All passes that occur in some schedule, for the legend. */
const PASSES: readonly GanttPass[] = ['F', 'B', 'I', 'W'];

interface AllProps extends SceneProps {
  readonly compared: readonly Compared[];
  readonly trials: Trials;
}

/** The simulator's schedule of `plan`, with every bar marked as expected; undefined where it cannot be simulated. */
function expectedOf(show: Show, plan: ParallelPlan): Gantt | undefined {
  const imagined = show.imagine(plan);
  if (!imagined?.run) return undefined;
  const stages = stageOfUnit(unitsOf(imagined.run, plan), plan);
  return replacedBy(ganttOf(imagined.events, plan.pp, stages), { ...EMPTY, ranks: plan.pp });
}

const bubbleText = (bubble: number | undefined): string => (bubble === undefined ? '–' : percent(bubble));

type Expected = ReadonlyMap<ScheduleName, Gantt | undefined>;

/** The simulator's schedules where there is no measurement: one more with every frame, so that the first comes at once. */
function useExpected(show: Show, compared: readonly Compared[]): Expected {
  const about = `${compared[0]?.plan.pp} ${compared[0]?.plan.microbatches}`;
  const [known, setKnown] = useState<{ readonly about: string; readonly of: Expected }>({ about, of: new Map() });
  const of: Expected = known.about === about ? known.of : new Map();
  const missing = compared.find(({ schedule, digest }) => !digest && !of.has(schedule));
  const job = useRef(() => {});
  job.current = () => {
    if (missing) setKnown({ about, of: new Map(of).set(missing.schedule, expectedOf(show, missing.plan)) });
  };
  const run = useRef(() => job.current());
  useEffect(() => {
    if (missing) show.frames.request(run.current);
  }, [show, about, missing?.schedule]);
  return of;
}

export function AllSchedules({ show, look, compared, trials }: AllProps) {
  const text = words.pipeline;
  const expected = useExpected(show, compared);
  const plans = trials.plans.value;
  const running = plans?.[trials.at.value];
  return (
    <div class="split-side pairs-side">
      <div class="gantt-place gantt-all">
        {compared.length > 0 ? (
          <SchedulesView frames={show.frames} look={look} compared={compared} expected={expected} />
        ) : (
          <p class="soon">{words.noStep}</p>
        )}
      </div>
      <div class="column">
        <dl class="side side-pairs">
          {compared.map(({ schedule, digest, formula }) => (
            <div key={schedule}>
              <dt>{text.schedules[schedule]}</dt>
              <dd class={digest ? '' : 'predicted'} data-figure={`bubble-${schedule}`} data-value={digest?.bubble}>
                {bubbleText(digest?.bubble ?? expected.get(schedule)?.bubble)}
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
