/** Entry of the lecture page. Training starts only on a person's request; the live room loads after the first frame. */
import { effect } from '@preact/signals';
import { options, render } from 'preact';
import { sentenceOf } from '../../errors';
import { signalingAddress } from '../../net/signaling/signaladdress';
import { messages } from '../messages';
import type { PeerId, Vote } from '../tab';
import { installPolicy } from '../trusted';
import { App } from './app';
import { readAddress } from './show/address';
import { Guess } from './show/guess';
import { replay } from './show/runfiles';
import { Show } from './show/show';
import { words } from './words';

installPolicy();
const show = new Show(readAddress(location.hash));
const guess = new Guess(show);
// why: Preact's rendering counts to the cost of a frame
options.debounceRendering = show.frames.request;
render(<App show={show} guess={guess} />, document.getElementById('app')!);
effect(() => history.replaceState(null, '', show.address));
addEventListener('hashchange', () => location.reload());

if (show.embed === 'recorded') await replay(show);
// Without a secure context there is no room, only the simulator and recordings.
// One scene inside another page has no room either.
if (show.embed === '' && isSecureContext) {
  try {
    const { openLiveRoom } = await import('./show/liveroom');
    const signaling = signalingAddress(document.baseURI);
    const link = new URL(show.invitation, location.href).href;
    const name = show.watches ? words.watcher : words.title;
    const options = {
      secret: show.secret,
      signaling,
      name,
      signal: !show.watches,
      link,
      count: show.frames.count,
      onVote: (from: PeerId, vote: Vote) => guess.take(from, vote),
    };
    show.live.value = await openLiveRoom(options, messages.news);
  } catch (error) {
    show.problem.value = sentenceOf(error);
  }
} else if (show.embed === '') show.problem.value = messages.device.insecure;
await (await import('../offline')).keepForOffline();
