/** The dialog of "Check the network": looks when it opens, then lists what it found and what to do. */
import { useEffect, useState } from 'preact/hooks';
import type { LiveRoom } from '../lecture/show/liveroom';
import type { Finding } from './check';
import type { RoomDesk } from './desk';
import { words } from './words';

interface Props {
  readonly desk: RoomDesk;
  readonly room: LiveRoom;
  readonly onClose: () => void;
}

export function Network({ desk, room, onClose }: Props) {
  const [findings, setFindings] = useState<readonly Finding[] | null>(null);
  const lookAgain = () => {
    setFindings(null);
    void look(desk, room).then(setFindings);
  };
  useEffect(lookAgain, []);
  const unwell = findings?.filter(({ isWell }) => !isWell).length ?? 0;
  return (
    <>
      <h2>{words.check.title}</h2>
      <p role="status">{findings ? words.check.verdict(unwell) : words.check.looking}</p>
      <ul class="findings">
        {findings?.map(({ isWell, what, advice }) => (
          <li key={what} class={isWell ? 'finding' : 'finding finding-unwell'}>
            <span class="finding-mark" role="img" aria-label={isWell ? words.check.well : words.check.unwell}>
              {isWell ? '✓' : '!'}
            </span>
            <div>
              <p>{what}</p>
              {advice && <p class="note">{advice}</p>}
            </div>
          </li>
        ))}
      </ul>
      <div class="door-buttons">
        <button type="button" class="button" disabled={!findings} onClick={lookAgain}>
          {words.check.again}
        </button>
        <button type="button" class="button" onClick={onClose}>
          {words.close}
        </button>
      </div>
    </>
  );
}

async function look(desk: RoomDesk, room: LiveRoom): Promise<readonly Finding[]> {
  try {
    const { findingsOf, lookAtNetwork } = await import('./check');
    return findingsOf(
      await lookAtNetwork(
        room.ways(),
        desk.people.value.filter(({ lecturer }) => !lecturer),
      ),
    );
  } catch {
    return [{ isWell: false, what: words.check.noServer, advice: words.check.restart }];
  }
}
