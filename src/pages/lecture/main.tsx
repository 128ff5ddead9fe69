/** Entry of the lecture page. Nothing trains before a person asks for it; the live room is loaded after the first frame. */
import { effect } from '@preact/signals';
import { options, render } from 'preact';
import { installPolicy } from '../trusted';
import { readAddress } from './address';
import { App } from './app';
import { Show } from './show';

installPolicy();
const show = new Show(readAddress(location.hash));
// why: what Preact renders is part of what a frame of this page costs
options.debounceRendering = show.frames.request;
render(<App show={show} />, document.getElementById('app')!);
effect(() => history.replaceState(null, '', show.address));
addEventListener('hashchange', () => location.reload());
