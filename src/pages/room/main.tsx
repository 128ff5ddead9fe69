/** Entry of the room page. The page does not train: it lets people in, starts and pauses the run, and watches it. */

import { effect } from '@preact/signals';
import { render } from 'preact';
import { sentenceOf } from '../../errors';
import { signalingAddress } from '../../net/signaling/signaladdress';
import { installPolicy } from '../trusted';
import { App } from './app';
import { RoomDesk } from './desk';
import { words } from './words';

installPolicy();
const desk = new RoomDesk(location);
render(<App desk={desk} />, document.getElementById('app')!);
effect(() => history.replaceState(null, '', desk.address));
addEventListener('hashchange', () => location.reload());

if (!isSecureContext) desk.problem.value = words.noSecure;
else {
  try {
    const { openLiveRoom } = await import('../lecture/show/liveroom');
    const signaling = signalingAddress(document.baseURI);
    const options = { secret: desk.secret, signaling, name: words.brand, signal: true, link: desk.link };
    desk.room.value = await openLiveRoom(options, words.news);
  } catch (error) {
    desk.problem.value = sentenceOf(error);
  }
}
await (await import('../offline')).keepForOffline();
