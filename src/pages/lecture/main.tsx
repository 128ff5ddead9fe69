/** Entry of the lecture page. Nothing trains before a person asks for it; the live room is loaded after the first frame. */

import { effect } from '@preact/signals';
import { options, render } from 'preact';
import { sentenceOf } from '../../errors';
import { signalingAddress } from '../../net/signaling/signaladdress';
import { messages } from '../messages';
import { installPolicy } from '../trusted';
import { readAddress } from './address';
import { App } from './app';
import { Show } from './show';
import { words } from './words';

installPolicy();
const show = new Show(readAddress(location.hash));
// why: what Preact renders is part of what a frame of this page costs
options.debounceRendering = show.frames.request;
render(<App show={show} />, document.getElementById('app')!);
effect(() => history.replaceState(null, '', show.address));
addEventListener('hashchange', () => location.reload());

// Without a secure context there is no room, only the simulator and recordings.
if (isSecureContext) {
  try {
    const { openLiveRoom } = await import('./liveroom');
    const signaling = signalingAddress(document.baseURI);
    const link = new URL(show.invitation, location.href).href;
    const name = show.watches ? words.watcher : words.title;
    const options = { secret: show.secret, signaling, name, signal: !show.watches, link, count: show.frames.count };
    show.live.value = await openLiveRoom(options, messages.news);
  } catch (error) {
    show.problem.value = sentenceOf(error);
  }
} else show.problem.value = messages.device.insecure;
