/** The source of the picture, and the buttons that bring tabs into the room and start them. */
import { replay } from '../show/runfiles';
import { openSeats } from '../show/seats';
import type { Show } from '../show/show';
import { words } from '../words';

const SEATS = 4;

export function RoomBar({ show }: { readonly show: Show }) {
  const kind = show.feed.value.kind;
  const mark = (
    <span class={`kind kind-${kind}`} title={words.kindNote[kind]}>
      {words.kind[kind]}
    </span>
  );
  if (show.embed !== '') return mark;
  return (
    <div class="nav-room">
      {mark}
      {kind === 'simulated' && (
        <button type="button" class="button" title={words.kindNote.recorded} onClick={() => void replay(show)}>
          {words.runs.short}
        </button>
      )}
      <Entry show={show} />
      <button type="button" class="button" aria-label={words.qr} onClick={() => (show.panel.value = 'qr')}>
        QR
      </button>
      {!show.watches && (
        <button type="button" class="button" onClick={() => (show.panel.value = 'knobs')}>
          {words.knobs}
        </button>
      )}
      <button type="button" class="button" aria-label={words.help} onClick={() => (show.panel.value = 'help')}>
        ?
      </button>
    </div>
  );
}

/** The next action towards a training room: open tabs, or start. While a run is live or for a watcher: their number. */
function Entry({ show }: { readonly show: Show }) {
  const live = show.live.value;
  const seats = live?.seats.value ?? 0;
  const isRunning = show.feed.value.kind === 'live';
  if (show.expected.value > 0) return <span class="nav-count">{words.arriving(seats, show.expected.value)}</span>;
  if (isRunning || show.watches) return <span class="nav-count">{words.tabs(seats)}</span>;
  if (seats > 0) {
    return (
      <button type="button" class="button button-go" onClick={() => show.start()}>
        {words.startWith(seats)}
      </button>
    );
  }
  const open = () => {
    show.expect(SEATS);
    openSeats(show.secret, SEATS);
  };
  return (
    <button type="button" class="button button-go" title={words.openNote} disabled={!live} onClick={open}>
      {words.open(SEATS)}
    </button>
  );
}
