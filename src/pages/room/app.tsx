/** The room page as a whole: the code to join by, who is here, and the controls for all of them. */
import { Banner, News } from '../parts/banner';
import { Dialog } from '../parts/dialog';
import { useKeys } from '../parts/keys';
import { QrCode } from '../parts/qr';
import type { RoomDesk } from './desk';
import { Guests } from './guests';
import { Network } from './network';
import { Rein } from './rein';
import { words } from './words';

export function App({ desk }: { readonly desk: RoomDesk }) {
  useKeys((key, isOnControl) => act(desk, key, isOnControl), desk);
  const room = desk.room.value;
  // why only its own: a dialog says a moment later that it has closed, and a key may have opened another one by then
  const closeOf = (panel: RoomDesk['panel']['value']) => () => {
    if (desk.panel.value === panel) desk.panel.value = '';
  };
  const news = room?.news.value ?? [];
  return (
    <div class="hall">
      <section class="door" aria-label={words.qrLabel}>
        <h1>{words.scan}</h1>
        <QrCode text={desk.link} label={words.qrLabel} />
        <p class="door-link">{desk.link}</p>
        <div class="door-buttons">
          <button type="button" class="button" onClick={() => void desk.copy()}>
            {words.copy}
          </button>
          <a class="button" href={desk.link} target="_blank" rel="noopener">
            {words.openTab}
          </a>
          <a class="button" href={desk.lectureLink} target="_blank" rel="noopener">
            {words.lecture}
          </a>
          <button type="button" class="button" disabled={!room} onClick={() => desk.toggle('network')}>
            {words.check.title}
          </button>
          <button type="button" class="button" aria-label={words.help} onClick={() => desk.toggle('help')}>
            ?
          </button>
        </div>
      </section>
      <main class="inside">
        <Banner kind="problem" sentence={desk.problem.value} onDismiss={() => (desk.problem.value = '')} />
        <Banner kind="note" sentence={room?.problem.value || (room?.note.value ?? '')} />
        {room ? <Rein desk={desk} room={room} /> : <p class="empty">{desk.problem.value ? '' : words.opening}</p>}
        {room && <Guests desk={desk} room={room} />}
        <News news={desk.said.value ? [...news, desk.said.value] : news} />
      </main>
      <Dialog open={desk.panel.value === 'qr'} label={words.qrLabel} class="qr-dialog qr-hall" onClose={closeOf('qr')}>
        <QrCode text={desk.link} label={words.qrLabel} />
        <p class="door-link">{desk.link}</p>
        <button type="button" class="button" onClick={closeOf('qr')}>
          {words.close}
        </button>
      </Dialog>
      <Dialog open={desk.panel.value === 'network'} label={words.check.title} class="help" onClose={closeOf('network')}>
        {room && <Network desk={desk} room={room} onClose={closeOf('network')} />}
      </Dialog>
      <Dialog open={desk.panel.value === 'help'} label={words.help} class="help" onClose={closeOf('help')}>
        <dl>
          {words.helpRows.map(([key, what]) => (
            <div key={key}>
              <dt>
                <kbd>{key}</kbd>
              </dt>
              <dd>{what}</dd>
            </div>
          ))}
        </dl>
        <p class="note">{words.trust}</p>
        <button type="button" class="button" onClick={closeOf('help')}>
          {words.close}
        </button>
      </Dialog>
    </div>
  );
}

/** Performs the action of `key`; returns false if it has none. */
function act(desk: RoomDesk, key: string, isOnControl: boolean): boolean {
  if (key === ' ' && !isOnControl) desk.pause();
  else if (key.toLowerCase() === 'q') desk.toggle('qr');
  else if (key === '?') desk.toggle('help');
  else if (key.toLowerCase() === 'f') void toggleFullScreen();
  else return false;
  return true;
}

async function toggleFullScreen(): Promise<void> {
  if (document.fullscreenElement) await document.exitFullscreen();
  else await document.documentElement.requestFullscreen();
}
