/** Entry of the first page. The tab's own code is loaded after the first screen is on the page. */
import { render } from 'preact';
import { App } from './app';
import { loadSettings, NO_SETTINGS } from './state/settings';
import type { OpenTab } from './tab';
import { installPolicy } from './trusted';
import { Visit } from './visit';

installPolicy();
const openTab: OpenTab = async (options) => (await import('../worker/tab')).openTab(options);

// why not an error: without storage the page works but keeps no choice; a failure is shown when one is saved
const settings = await loadSettings().catch(() => NO_SETTINGS);
const visit = new Visit(openTab, settings, location);
render(<App visit={visit} />, document.getElementById('app')!);
addEventListener('hashchange', () => location.reload());
// why: a page that was left has closed its room, and the browser may restore it from its back/forward cache
addEventListener('pageshow', ({ persisted }) => {
  if (persisted) location.reload();
});
addEventListener('beforeunload', (event) => {
  if (!visit.session.beforeLeaving()) return;
  visit.session.lastStep();
  event.preventDefault();
});
document.addEventListener('visibilitychange', () => {
  if (document.hidden) visit.session.beforeLeaving();
});
await visit.session.open();
