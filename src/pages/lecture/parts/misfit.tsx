/** Tabs came or went and the plan is for another number: said, with the button that cuts anew. A lecture wants to see both. */
import type { Show } from '../show';
import { words } from '../words';

export function Misfit({ show }: { readonly show: Show }) {
  const live = show.live.value;
  const plan = live?.feed.plan.value;
  if (!live || !plan || show.watches || show.feed.value !== live.feed || show.scene.value === 'one') return null;
  const [here, used] = [live.seats.value, plan.dp * plan.pp * plan.tp];
  if (here === used || here === 0 || show.expected.value > 0) return null;
  return (
    <div class="banner banner-note" role="status">
      <p>{words.misfit(here, used)}</p>
      <button type="button" class="button button-quiet" onClick={() => show.recut()}>
        {words.recut(here)}
      </button>
    </div>
  );
}
