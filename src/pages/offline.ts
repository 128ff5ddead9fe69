/** Lets this page open without the server from now on. Loaded after everything that a visitor waits for. */
import { BUILD } from '../net/signaling/build';

/**
 * Registers the service worker of this page's build and tells it what the page has loaded so far. Does nothing where a
 * browser has no service workers or forbids them (private windows, blocked storage): the page then needs the server.
 */
export async function keepForOffline(): Promise<void> {
  if (!('serviceWorker' in navigator)) return;
  try {
    // why the build in the address: a page never hands its files to the worker of another build
    const registration = await navigator.serviceWorker.register(`./offline.js?build=${BUILD}`, { type: 'module' });
    const worker = (registration.installing ?? registration.waiting ?? registration.active)!;
    await activated(worker);
    const loaded = performance.getEntriesByType('resource').map(({ name }) => name);
    worker.postMessage([location.href.replace(/#.*$/s, ''), ...loaded]);
  } catch (error) {
    if (!(error instanceof DOMException || error instanceof TypeError)) throw error;
  }
}

/** From then on the worker sees what the page loads. Never resolves for a worker that another one replaces. */
function activated(worker: ServiceWorker): Promise<void> {
  return new Promise((resolve) => {
    const look = () => worker.state === 'activated' && resolve();
    worker.addEventListener('statechange', look);
    look();
  });
}
