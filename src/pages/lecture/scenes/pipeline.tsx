/** Scene 4: what every tab did in one step above what it would do ideally; schedules to choose, latency to turn up. */
import { useMemo } from 'preact/hooks';
import { SCHEDULES, type ScheduleName } from '../../../plan/plan';
import { count } from '../../state/format';
import type { SceneProps } from '../app';
import { cutOf, keyOf } from '../models/digest';
import { EMPTY, ganttOf, meanPasses } from '../models/gantt';
import { bubbleFormula, idealOf } from '../models/ideal';
import { stageOfUnit, unitsOf } from '../models/units';
import type { Moment } from '../moment';
import { Choice } from '../parts/choice';
import { GanttView } from '../parts/ganttview';
import { useLater } from '../parts/later';
import { Legend } from '../parts/legend';
import { percent, words } from '../words';

const LATENCIES = [0, 20, 50, 100, 200];
const DEPTHS = [1, 2, 4];

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
  const { ranks, kind } = moment;
  const analysis = useMemo(() => new Analysis(), []);
  const view = useLater(show.frames, moment, (now) => analysis.of(now));
  const text = words.pipeline;
  const picks = show.picks.value;
  const digest = moment.plan ? show.digests.value.get(keyOf(moment.plan, kind)) : undefined;
  const latency = ranks[0]?.handicap.latencyMs ?? 0;
  return (
    <>
      {!show.hidden.value && (
        <div class="picks">
          <Choice
            label={text.schedule}
            values={SCHEDULES}
            value={picks.schedule}
            nameOf={(schedule: ScheduleName) => text.schedules[schedule]}
            onChange={(schedule) => show.pick({ schedule })}
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
            value={latency}
            nameOf={(ms) => `${ms}`}
            onChange={(latencyMs) => show.handicapAll({ latencyMs })}
          />
        </div>
      )}
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
    </>
  );
}
