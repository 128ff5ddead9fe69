/** A note for a live room whose plan uses fewer or more tabs than are here, with a button that cuts the run again. */
import { PlanError } from '../../../errors';
import type { RunFile } from '../../tab';
import { planFor, type Scene } from '../models/choice/plans';
import type { Show } from '../show/show';
import { words } from '../words';

/** Scenes that run plans on fewer tabs on purpose and show no note. */
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

/** Number of tabs that the scene's plan would use now; `used` where the scene has no plan of its own or none fits. */
function usableBy(show: Show, run: RunFile, here: number, used: number): number {
  try {
    const plan = planFor(show.scene.value, here, run, show.picks.value);
    return plan ? plan.dp * plan.pp * plan.tp : used;
  } catch (error) {
    if (!(error instanceof PlanError)) throw error;
    return used;
  }
}
