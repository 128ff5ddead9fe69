/** The controls for everybody at once and the progress of the run, large enough for the last row. */
import { nameOf } from '../../plan/why';
import { roomRate } from '../lecture/models/digest';
import type { LiveRoom } from '../lecture/show/liveroom';
import { messages } from '../messages';
import { Figure } from '../parts/figure';
import { count, loss, rate } from '../state/format';
import { PRESETS, type PresetName } from '../state/runchoice';
import type { RoomDesk } from './desk';
import { words } from './words';

interface Props {
  readonly desk: RoomDesk;
  readonly room: LiveRoom;
}

export function Rein({ desk, room }: Props) {
  const { feed } = room;
  const run = feed.run.value;
  const isOver = feed.phase.value === 'done';
  const people = desk.people.value;
  const members = people.filter(({ rank }) => rank !== null).length;
  return (
    <section class="rein" aria-label={words.brand}>
      <p class="counts">
        <strong>{words.here(people.filter(({ lecturer }) => !lecturer).length)}</strong>
        <span>{words.willing(room.seats.value)}</span>
        <span>{words.training(members)}</span>
        {room.locked.value && <span class="tag tag-locked">{words.lockedNote}</span>}
      </p>
      <div class="rein-buttons">
        <button type="button" class="button-big" onClick={() => desk.start()}>
          {run ? words.again : words.start}
        </button>
        <button type="button" class="button" disabled={!run || isOver} onClick={() => desk.pause()}>
          {room.paused.value ? words.resume : words.pause}
        </button>
        <button type="button" class="button" disabled={!run || !room.paused.value} onClick={() => room.commands.step()}>
          {words.step}
        </button>
        <button type="button" class="button" aria-pressed={room.locked.value} onClick={() => desk.lock()}>
          {room.locked.value ? words.unlock : words.lock}
        </button>
      </div>
      {run ? <Figures room={room} /> : <Models desk={desk} />}
    </section>
  );
}

function Figures({ room: { feed } }: { readonly room: LiveRoom }) {
  const newest = feed.metrics.value.at(-1);
  const plan = feed.plan.value;
  const all = plan ? roomRate(feed.ranks.value, plan) : 0;
  const { figures } = words;
  const steps = feed.run.value?.train.steps ?? 0;
  return (
    <dl class="figures">
      <Figure
        name={figures.step}
        value={newest ? count(newest.step + 1) : figures.none}
        unit={words.of(count(steps))}
      />
      <Figure name={figures.loss} value={newest ? loss(newest.loss) : figures.none} />
      <Figure name={figures.rate} value={all > 0 ? rate(all) : figures.none} />
      <Figure name={figures.plan} value={plan ? nameOf(plan) : figures.none} />
    </dl>
  );
}

/** Before the start: how large the model is. */
function Models({ desk }: { readonly desk: RoomDesk }) {
  return (
    <div class="models">
      <div class="segments" role="radiogroup" aria-label={words.model}>
        {(Object.keys(PRESETS) as PresetName[]).map((name) => (
          <label key={name}>
            <input
              type="radio"
              name="preset"
              checked={desk.preset.value === name}
              onChange={() => desk.setPreset(name)}
            />
            <span>{messages.model.presets[name]}</span>
          </label>
        ))}
      </div>
      <p class="note">{words.startNote}</p>
    </div>
  );
}
