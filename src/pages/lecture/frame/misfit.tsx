/** Tabs came or went and the plan is for another number: said, with the button that cuts anew. A lecture wants to see both. */
import { PlanError } from '../../../errors';
import type { RunFile } from '../../tab';
import { planFor, type Scene } from '../models/plans';
import type { Show } from '../show/show';
import { words } from '../words';

/** Scenes that run plans on fewer tabs on purpose. */
const KEEPS: ReadonlySet<Scene> = new Set<Scene>(['one', 'which', 'glance']);

export function Misfit({ show }: { readonly show: Show }) {
  const live = show.live.value;
  const plan = live?.feed.plan.value;
  const run = live?.feed.run.value;
  if (!live || !plan || !run || show.watches || show.feed.value !== live.feed || KEEPS.has(show.scene.value))
    return null;
  const [here, used] = [live.seats.value, plan.dp * plan.pp * plan.tp];
  if (here === used || here === 0 || show.expected.value > 0) return null;
  const usable = usableBy(show, run, here, used);
  return (
    <div class="banner banner-note" role="status">
      <p>{usable === used && here > used ? words.reserve(here, used) : words.misfit(here, used)}</p>
      {usable !== used && (
        <button type="button" class="button button-quiet" onClick={() => show.recut()}>
          {words.recut(usable)}
        </button>
      )}
    </div>
  );
}

/** Tabs that a new cut of the scene would use; where a scene cuts nothing anew, those of the plan. */
function usableBy(show: Show, run: RunFile, here: number, used: number): number {
  try {
    const plan = planFor(show.scene.value, here, run, show.picks.value);
    return plan ? plan.dp * plan.pp * plan.tp : used;
  } catch (error) {
    if (!(error instanceof PlanError)) throw error;
    return used;
  }
}
