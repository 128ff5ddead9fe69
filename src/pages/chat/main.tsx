/** Entry of the chat page. It trains nothing and joins no room. */
import { render } from 'preact';
import { installPolicy } from '../trusted';
import { App } from './app';
import { Desk } from './desk';

installPolicy();
render(<App desk={new Desk()} />, document.getElementById('app')!);
