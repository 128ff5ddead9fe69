/**
 * The list of everybody in the room: who they are, on which device, what they do, how they are connected. People are
 * renamed and removed here.
 */
import type { LiveRoom } from '../lecture/show/liveroom';
import { useDraft } from '../parts/draft';
import type { RoomDesk, RoomPerson } from './desk';
import { words } from './words';

const MAX_NAME = 32;

interface Props {
  readonly desk: RoomDesk;
  readonly room: LiveRoom;
}

export function Guests({ desk, room }: Props) {
  const people = desk.people.value;
  const { columns } = words;
  return (
    <section class="guests" aria-labelledby="guests">
      <h2 id="guests">{words.heading}</h2>
      {people.length === 0 ? (
        <p class="empty">{words.nobody}</p>
      ) : (
        <table>
          <thead>
            <tr>
              {Object.entries(columns).map(([key, title]) => (
                <th key={key} scope="col" class={`col-${key}`}>
                  {title}
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            {people.map((person) => (
              <Guest key={person.peer} person={person} room={room} />
            ))}
          </tbody>
        </table>
      )}
    </section>
  );
}

function Guest({ person, room }: { readonly person: RoomPerson; readonly room: LiveRoom }) {
  const { peer, name, rank, state, reach, lecturer } = person;
  const draft = useDraft(name, (text) => room.commands.rename(peer, text));
  return (
    <tr>
      <td class="col-name">
        <span class={`dot dot-${state}`} aria-hidden="true" />
        <input aria-label={words.name(name)} maxLength={MAX_NAME} disabled={lecturer} {...draft} />
        <span class="guest-more guest-adapter">{lecturer ? words.lecturer : deviceOf(person)}</span>
      </td>
      <td class="col-state">
        {words.states[state]}
        {rank !== null && <span class="guest-rank"> {words.rank(rank)}</span>}
        {!lecturer && <span class="guest-more">{person.hidden ? words.hidden : words.visible}</span>}
      </td>
      <td class="col-link">{lecturer ? '' : words.links[reach]}</td>
      <td class="col-actions">
        {!lecturer && (
          <button
            type="button"
            class="button button-quiet"
            aria-label={words.removeOf(name)}
            onClick={() => room.commands.remove(peer)}
          >
            {words.remove}
          </button>
        )}
      </td>
    </tr>
  );
}

function deviceOf({ adapter, software }: RoomPerson): string {
  if (adapter === '') return words.noAdapter;
  return software ? `${adapter} (${words.software})` : adapter;
}
