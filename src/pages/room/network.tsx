/** The dialog of "Check the network": looks when it opens, then lists what it found and what to do. */
import { useEffect, useState } from 'preact/hooks';
import type { LiveRoom } from '../lecture/show/liveroom';
import type { Finding } from './check';
import type { RoomDesk } from './desk';
import { words } from './words';

export function Network({ desk, room }: { readonly desk: RoomDesk; readonly room: LiveRoom }) {
  const [findings, setFindings] = useState<readonly Finding[] | null>(null);
  useEffect(() => {
    void look(desk, room).then(setFindings);
  }, []);
  return (
    <>
      <h2>{words.check.title}</h2>
      {findings ? (
        <ul class="findings">
          {findings.map(({ isWell, what, advice }) => (
            <li key={what}>
              <strong>{isWell ? words.check.well : words.check.unwell}</strong> {what}
              {advice && <div class="note">{advice}</div>}
            </li>
          ))}
        </ul>
      ) : (
        <p role="status">{words.check.looking}</p>
      )}
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
