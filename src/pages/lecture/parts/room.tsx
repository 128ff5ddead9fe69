/** Where the picture comes from, and the buttons that bring tabs into the room and start them. */
import type { Show } from '../show';
import { words } from '../words';

export function Room({ show }: { readonly show: Show }) {
  const kind = show.feed.value.kind;
  return (
    <div class="nav-room">
      <span class={`kind kind-${kind}`} title={words.kindNote[kind]}>
        {words.kind[kind]}
      </span>
      <button type="button" class="button" aria-label={words.knobs} onClick={() => (show.panel.value = 'knobs')}>
        {words.knobs}
      </button>
      <button type="button" class="button" aria-label={words.help} onClick={() => (show.panel.value = 'help')}>
        ?
      </button>
    </div>
  );
}
