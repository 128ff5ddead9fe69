/** In the scene of 3D: a switch that places tp groups across machines, and what that costs, measured and predicted. */
import type { ParallelPlan } from '../../../plan/plan';
import { milliseconds } from '../../state/format';
import type { Moment } from '../facts/moment';
import { tokensPerStep } from '../facts/units';
import { measuredRate, type RateOf, simulatedRate, timesAcross } from '../models/choice/placementcost';
import { haveMachines, type Picks, placed } from '../models/choice/plans';
import { Choice } from '../parts/choice';
import { useLater } from '../parts/later';
import type { Show } from '../show/show';
import { words } from '../words';

const text = words.placement;
const PLACEMENTS = ['inside', 'across'] as const;
const MBIT = [0, 100, 20, 5];
/** Links between the two imagined machines: those of an office. */
export const BETWEEN = { mbitPerSecond: 100, latencyMs: 2 };
type Placement = Picks['placement'];

interface Props {
  readonly show: Show;
  /** The plan of a cube on two imagined machines, where the room has none of its own to place tp across. */
  readonly imagine: (placement: Placement) => Moment | null;
}

export function PlacementSwitch({ show }: Pick<Props, 'show'>) {
  const { ranks, kind } = show.stage.value;
  const { placement } = show.picks.value;
  const isHere = kind === 'live' && haveMachines(show.machines);
  return (
    <div class="picks">
      <Choice
        label={text.label}
        values={PLACEMENTS}
        value={placement}
        nameOf={(one) => text.names[one]}
        onChange={(one) => show.pick({ placement: one })}
      />
      {isHere && (
        <Choice
          label={text.rate}
          values={MBIT}
          value={ranks[0]?.handicap.mbitPerSecond ?? 0}
          nameOf={(mbit) => (mbit === 0 ? text.off : `${mbit}`)}
          onChange={(mbitPerSecond) => show.handicapAll({ mbitPerSecond, links: 'far' })}
        />
      )}
    </div>
  );
}

/** The plan of a live room in which tp may be placed across machines; null elsewhere. */
function planHere({ plan, ranks, kind }: Moment): ParallelPlan | null {
  const isHere = kind === 'live' && haveMachines(ranks.map(({ machine }) => machine)) && plan !== null && plan.tp > 1;
  return isHere ? plan : null;
}

/** What tp across machines costs: measured once both placements have run in this room, else predicted. */
export function PlacementCost({ show, imagine }: Props) {
  const moment = show.stage.value;
  const { ranks, run } = moment;
  const here = planHere(moment);
  // why later: the scene's own picture must not wait for these simulations
  const predicted = useLater(show.frames, moment, (now) => {
    const plan = planHere(now);
    return timesAcross((one) => simulatedRate(plan ? show.imagine(placed(plan, one)) : imagine(one)));
  });
  if (predicted === null) return null;
  const rateOf: RateOf = (one) => (here ? measuredRate(show.digests.value, ranks, here, one) : null);
  const measured = timesAcross(rateOf);
  const step = (one: Placement) => milliseconds((1000 * tokensPerStep(run!)) / rateOf(one)!);
  const times = predicted.toFixed(1);
  return (
    <span data-figure="placement" data-value={measured ?? undefined} data-predicted={predicted}>
      {measured === null
        ? here
          ? text.predicted(times)
          : text.simulated(times, BETWEEN.mbitPerSecond, BETWEEN.latencyMs)
        : text.measured(step('across'), step('inside'), measured.toFixed(1), times)}
    </span>
  );
}
