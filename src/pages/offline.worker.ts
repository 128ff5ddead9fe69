/**
 * Service worker: keeps what pages of one build have used, so that they open without the server. A page itself comes from
 * the server while that answers, so a visitor gets the newest build; files with a hash in their name come from here. One
 * cache for each build, named in this worker's address: the pages of a build never get files of another. It is also the
 * broker of near links where a browser has no SharedWorkers.
 */
import { KEEP_MS, type ServeBroker, serveBroker } from '../net/room/brokerdesk';

// The types of the DOM have no service workers; these are the members that are used (w3c.github.io/ServiceWorker).
interface LastingEvent extends Event {
  waitUntil(work: Promise<unknown>): void;
}
interface FetchEvent extends LastingEvent {
  readonly request: Request;
  respondWith(response: Promise<Response>): void;
}
interface ServiceWorker {
  readonly registration: { readonly scope: string };
  readonly clients: { claim(): Promise<void> };
  skipWaiting(): Promise<void>;
  addEventListener(type: 'install' | 'activate', listener: (event: LastingEvent) => void): void;
  addEventListener(type: 'fetch', listener: (event: FetchEvent) => void): void;
  addEventListener(
    type: 'message',
    listener: (event: LastingEvent & Pick<MessageEvent<unknown>, 'data' | 'ports'>) => void,
  ): void;
}
const worker = self as unknown as ServiceWorker;

/** Pages of another folder of this origin have caches of their own. */
const OURS = `tabtrain ${worker.registration.scope} `;
const CACHE = `${OURS}${new URL(location.href).searchParams.get('build')}`;
/** What the build has: pages, files with a hash in their name, and texts and recordings. No signaling, no desk of a run. */
const BUILT = /^((?:[a-z]+\.html|icon\.svg)?|(?:assets|texts|recorded)\/[^?]+)$/;
const HASHED = /^assets\//;
/** The server may send a file compressed in one of two ways; what is kept is not compressed. */
const ANY_FORM = { ignoreVary: true } as const;

/** The path of a file of the build from the folder of the pages, undefined for everything else. */
function builtPath(address: string): string | undefined {
  const { scope } = worker.registration;
  const path = address.startsWith(scope) ? address.slice(scope.length).replace(/#.*$/s, '') : undefined;
  return path !== undefined && BUILT.test(path) ? path : undefined;
}

/** What the server sends. It is kept while the page already reads it; where that fails (a full disk) the page has it. */
async function load(event: LastingEvent, cache: Cache, request: Request | string): Promise<Response> {
  const response = await fetch(request);
  // why not others: a part of a file, or a page of errors, is not the file
  if (response.status === 200) event.waitUntil(cache.put(request, response.clone()).catch(() => {}));
  return response;
}

async function answer(event: FetchEvent, isHashed: boolean): Promise<Response> {
  const { request } = event;
  const cache = await caches.open(CACHE);
  const kept = () => cache.match(request, ANY_FORM);
  if (isHashed) return (await kept()) ?? load(event, cache, request);
  try {
    return await load(event, cache, request);
  } catch (error) {
    const found = await kept();
    if (found) return found;
    throw error;
  }
}

/** Keeps what a page had loaded before this worker answered for it; its browser still has most of it. */
async function keepAll(event: LastingEvent, addresses: readonly string[]): Promise<void> {
  const cache = await caches.open(CACHE);
  const built = addresses.filter((address) => builtPath(address) !== undefined);
  const each = built.map(async (address) => {
    if (!(await cache.match(address, ANY_FORM))) await load(event, cache, address);
  });
  await Promise.allSettled(each);
}

async function forgetOtherBuilds(): Promise<void> {
  const names = await caches.keys();
  const others = names.filter((name) => name.startsWith(OURS) && name !== CACHE);
  await Promise.all(others.map((name) => caches.delete(name)));
  await worker.clients.claim();
}

// why at once: the page that registers this worker is of its build, whatever other tabs are open
worker.addEventListener('install', (event) => event.waitUntil(worker.skipWaiting()));
worker.addEventListener('activate', (event) => event.waitUntil(forgetOtherBuilds()));
worker.addEventListener('message', (event) => {
  const { data, ports } = event;
  if (data === ('broker' satisfies ServeBroker) && ports[0]) {
    serveBroker(ports[0]);
    // why: a browser may end a service worker that has nothing to do, and the ports that were left with it
    event.waitUntil(new Promise((resolve) => setTimeout(resolve, KEEP_MS)));
  } else if (Array.isArray(data))
    event.waitUntil(
      keepAll(
        event,
        data.filter((one) => typeof one === 'string'),
      ),
    );
});
worker.addEventListener('fetch', (event) => {
  const { request } = event;
  const path = request.method === 'GET' && request.cache !== 'no-store' ? builtPath(request.url) : undefined;
  // why no ranges: a cache has whole files only
  if (path === undefined || request.headers.has('range')) return;
  event.respondWith(answer(event, HASHED.test(path)));
});
