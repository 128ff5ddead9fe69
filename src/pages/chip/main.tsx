/** Entry of the page "Your chip". It trains made-up text for a minute and joins no room. */
import { render } from 'preact';
import { installPolicy } from '../trusted';
import { App } from './app';
import { ChipDesk } from './desk';

installPolicy();
render(<App desk={new ChipDesk()} />, document.getElementById('app')!);
