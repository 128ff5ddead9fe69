/** Scene 6: the ranks of this room as replicas, stages and splits beside a full cube of eight; each axis's cost. */
import { useMemo } from 'preact/hooks';
import { type Axis, type ParallelPlan, parsePlan } from '../../../plan/plan';
import { crossingsOf, mostCrossings } from '../../../plan/seating';
import { bytes, count, milliseconds } from '../../state/format';
import { type Moment, rankFinder } from '../facts/moment';
import { haveMachines, placed } from '../models/choice/plans';
import { followedIn, partsOfUnit } from '../models/cut/followed';
import { type AxisCost, axisCosts } from '../models/traffic/axes';
import { linkLoads } from '../models/traffic/links';
import { partsOf, segmentsOf } from '../models/traffic/segments';
import { useLater } from '../parts/later';
import { TableHead } from '../parts/tablehead';
import { CubeView } from '../pictures/cubeview';
import type { Show } from '../show/show';
import { words } from '../words';
import { BETWEEN, PlacementCost, PlacementSwitch } from './placement';
import type { SceneProps } from './scene';

const text = words.cube;
/** Sorted by need of a fast link, highest first. */
const AXES: readonly Axis[] = ['tp', 'pp', 'dp'];
const WHOLE = parsePlan({ dp: 2, pp: 2, tp: 2, microbatches: 4 });
/** Two machines of four ranks. */
const PAIR = Array.from({ length: 8 }, (_, rank) => (rank < 4 ? 'A' : 'B'));

interface Cube {
  readonly plan: ParallelPlan;
  readonly loads: ReturnType<typeof linkLoads>;
  readonly costs: Readonly<Record<Axis, AxisCost>>;
  /** The machine of each rank; empty where machines are not drawn. */
  readonly machines: readonly string[];
}

function cubeOf({ plan, events, ranks }: Moment): Cube | null {
  if (!plan || events.length === 0) return null;
  const rankOf = rankFinder(ranks);
  const parts = partsOf(segmentsOf(events, ranks.length, rankOf));
  const costs = axisCosts(events, ranks.length, rankOf, parts);
  return { plan, loads: linkLoads(events, rankOf), costs, machines: sharedMachines(ranks) };
}

/** By rank, the machines of a room where some have several tabs; empty where there is one, or it is not known. */
function sharedMachines(ranks: Moment['ranks']): readonly string[] {
  const machines = ranks.map(({ machine }) => machine);
  return haveMachines(machines) && new Set(machines).size < machines.length ? (machines as string[]) : [];
}

/** Eight tabs on two machines, from the simulator. */
const imagineWhole = (show: Show, placement: 'inside' | 'across') =>
  show.imagine(placed(WHOLE, placement), BETWEEN, 1, PAIR);

export function CubeScene({ show }: SceneProps) {
  const moment = show.stage.value;
  const { run } = moment;
  const isWhole = AXES.every((axis) => (moment.plan?.[axis] ?? 1) > 1);
  const { placement } = show.picks.value;
  const here = useMemo(() => {
    const isSimulated = moment.kind === 'simulated' && isWhole && moment.ranks.length === PAIR.length;
    return cubeOf((isSimulated && imagineWhole(show, placement)) || moment);
  }, [moment, isWhole, placement, show]);
  const about = useMemo(() => ({ isWhole, run, placement }), [isWhole, run, placement]);
  // why later: this room's own picture must not wait for the simulated one
  const whole = useLater(show.frames, about, (now) => {
    const imagined = now.isWhole ? null : imagineWhole(show, now.placement);
    return imagined && cubeOf(imagined);
  });
  if (!here) return <p class="soon">{words.noStep}</p>;
  const { dp, pp, tp } = here.plan;
  return (
    <>
      {show.steers.value && <PlacementSwitch show={show} />}
      <div class={isWhole ? 'cubes' : 'cubes two'}>
        <figure>
          <CubeView
            plan={here.plan}
            loads={here.loads}
            label={text.label(dp, pp, tp)}
            lit={ranksLit(show, here.plan)}
            machines={here.machines}
          />
          <figcaption>{text.measured(text.sizes(dp, pp, tp))}</figcaption>
        </figure>
        {!isWhole && (
          <figure class="cube-simulated">
            {whole && (
              <CubeView
                plan={WHOLE}
                loads={whole.loads}
                label={text.label(2, 2, 2)}
                lit={ranksLit(show, WHOLE)}
                machines={whole.machines}
              />
            )}
            <figcaption>{text.simulated}</figcaption>
          </figure>
        )}
      </div>
      <table class="cube-table">
        <TableHead columns={text.columns} />
        <tbody>
          {AXES.map((axis) => (
            <AxisRow key={axis} axis={axis} here={here} whole={whole} />
          ))}
        </tbody>
      </table>
      <p class="muted">{text.rule}</p>
      <p class="muted">
        <Seats moment={moment} /> <PlacementCost show={show} imagine={(one) => imagineWhole(show, one)} />
      </p>
    </>
  );
}

/** How the ranks of a model that is cut are spread over machines; nothing where there is one, or it is not known. */
function Seats({ moment: { plan, ranks } }: { readonly moment: Moment }) {
  if (ranks.some(({ machine }) => machine === undefined)) return null;
  const machines = new Map(ranks.map(({ peer, machine }) => [peer, machine]));
  const count = new Set(machines.values()).size;
  if (!plan || plan.pp * plan.tp === 1 || count < 2) return null;
  const over = crossingsOf([...machines.keys()], plan, (peer) => machines.get(peer));
  return <>{text.seats(count, over, mostCrossings(plan))}</>;
}

/** The ranks of `plan` that hold a part of the followed unit. */
function ranksLit(show: Show, plan: ParallelPlan): readonly number[] {
  const { run } = show.stage.value;
  const followed = followedIn(run, show.picks.value.follow);
  return run && followed ? partsOfUnit(run, plan, followed.unit).map(({ rank }) => rank) : [];
}

interface RowProps {
  readonly axis: Axis;
  readonly here: Cube;
  readonly whole: Cube | null;
}

/** The costs of one axis; for an axis that this room does not cut, the costs in the simulated cube. */
function AxisRow({ axis, here, whole }: RowProps) {
  const isHere = here.plan[axis] > 1;
  const cost = isHere ? here.costs[axis] : whole?.costs[axis];
  const cell = (value: number | undefined, print: (value: number) => string, figure: string) => (
    <td class={isHere ? '' : 'predicted'} data-figure={isHere ? figure : undefined} data-value={value}>
      {value === undefined ? '–' : print(value)}
    </td>
  );
  return (
    <tr>
      <th scope="row">
        <svg class={`cube-key cargo-${axis}`} viewBox="0 0 56 8" aria-hidden="true">
          <line x1="2" y1="4" x2="54" y2="4" />
        </svg>
        {`${axis} ${isHere ? here.plan[axis] : (whole?.plan[axis] ?? 1)}, ${text.axes[axis]}`}
      </th>
      <td>{text.carries[axis]}</td>
      {cell(cost?.bytes, bytes, `cube-${axis}`)}
      {cell(cost?.messages, count, `cube-${axis}-messages`)}
      {cell(cost?.exposedMs, milliseconds, `cube-${axis}-waits`)}
      <td class="cube-hide">{text.hide[axis]}</td>
    </tr>
  );
}
