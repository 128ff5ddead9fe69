/** Scene 1: one step of one tab, unit by unit, and that tab's memory by role. */
import { useMemo } from 'preact/hooks';
import { milliseconds } from '../../state/format';
import { unitsOf } from '../facts/units';
import { followedIn, partsOfUnit } from '../models/cut/followed';
import { oneStepOf } from '../models/time/onestep';
import { MemoryBar } from '../pictures/memorybar';
import { UnitView } from '../pictures/unitview';
import { words } from '../words';
import type { SceneProps } from './scene';

const OPS = ['F', 'B', 'STEP'] as const;

export function OneScene({ show, look }: SceneProps) {
  const moment = show.stage.value;
  const { run, plan, events, ranks } = moment;
  const step = useMemo(() => oneStepOf(events, 0), [events]);
  const names = useMemo(() => (run && plan ? unitsOf(run, plan).map(({ name }) => name) : []), [run, plan]);
  const memory = ranks[0]?.memory;
  const followed = followedIn(run, show.picks.value.follow);
  const part = followed && run && plan ? partsOfUnit(run, plan, followed.unit)[0] : undefined;
  const text = words.one;
  return (
    <div class="split-side wide-side">
      <div class="gantt-place column">
        <p class="key-line">
          {OPS.map((op) => (
            <span key={op}>
              <i class={`swatch op-${op}`} aria-hidden="true" />
              {text.ops[op]}{' '}
              <b data-figure={`one-${op}`} data-value={step.ms[op]}>
                {op === 'STEP' && !step.isUpdateTimed ? '–' : milliseconds(step.ms[op])}
              </b>
            </span>
          ))}
        </p>
        {step.bars.length > 0 ? (
          <UnitView
            frames={show.frames}
            look={look}
            names={names}
            bars={step.bars}
            label={text.label(names.length)}
            lit={followed?.unit}
          />
        ) : (
          <p class="soon">{words.noStep}</p>
        )}
        <p class="muted">{text.divided}</p>
      </div>
      <div class="column">
        <h2>{ranks.length > 1 ? text.memoryOf(words.tab(0), ranks.length) : text.memory}</h2>
        {memory ? <MemoryBar memory={memory} part={part} /> : <p class="soon">{text.noMemory}</p>}
      </div>
    </div>
  );
}
