/** Entry of the chat page. It trains nothing and joins no room. */
import { render } from 'preact';
import { installPolicy } from '../trusted';
import { App } from './app';
import { ChatDesk } from './desk';

installPolicy();
render(<App desk={new ChatDesk()} />, document.getElementById('app')!);
await (await import('../offline')).keepForOffline();
