/** Scene 6: the ranks as a cube of replicas, stages and splits; every link in the colour and dash of what it carries. */
import { useMemo } from 'preact/hooks';
import { rankGroups } from '../../../plan/mesh';
import type { Axis } from '../../../plan/plan';
import { bytes } from '../../state/format';
import { rankFinder } from '../facts/moment';
import { placesOf } from '../models/cube';
import { linkLoads, sentBytes } from '../models/links';
import { CubeView } from '../pictures/cubeview';
import { words } from '../words';
import type { SceneProps } from './scene';

const text = words.cube;
const AXES: readonly Axis[] = ['pp', 'dp', 'tp'];

export function CubeScene({ show }: SceneProps) {
  const { plan, events, ranks } = show.moment.value;
  const loads = useMemo(() => linkLoads(events, rankFinder(ranks)), [events, ranks]);
  const places = useMemo(() => (plan ? placesOf(plan) : []), [plan]);
  if (!plan || events.length === 0) return <p class="soon">{words.noStep}</p>;
  const all = ranks.map(({ rank }) => sentBytes(loads, rank));
  const most = (axis: Axis) => Math.max(0, ...all.map((sent) => sent[axis]));
  return (
    <div class="split-side wide-side">
      <div class="column">
        <CubeView places={places} loads={loads} label={text.label(plan.dp, plan.pp, plan.tp)} />
      </div>
      <dl class="side">
        <div>
          <dt>{words.tabs(ranks.length)}</dt>
          <dd>{text.sizes(plan.dp, plan.pp, plan.tp)}</dd>
        </div>
        {AXES.map((axis) => (
          <div key={axis} class={plan[axis] > 1 ? 'cube-axis' : 'cube-axis unused'}>
            <dt>
              <svg class={`cube-key cargo-${axis}`} viewBox="0 0 56 8" aria-hidden="true">
                <line x1="2" y1="4" x2="54" y2="4" />
              </svg>
              {text.axes[axis]}: {text.carries[axis]}
            </dt>
            <dd data-figure={`cube-${axis}`} data-value={most(axis)}>
              {plan[axis] > 1 ? text.perStep(bytes(most(axis))) : text.none}
            </dd>
            {plan[axis] > 1 && (
              <dd class="side-note">
                {text.groups}{' '}
                {rankGroups(plan, [axis])
                  .map((group) => group.join('-'))
                  .join(', ')}
              </dd>
            )}
          </div>
        ))}
      </dl>
    </div>
  );
}
