/** The service worker: what it answers for, from where, and that builds do not mix. */
import { afterEach, expect, onTestFinished, test, vi } from 'vitest';
import type { ServeBroker } from '../../../src/net/room/brokerdesk';

const SCOPE = 'https://host/tab/';
type Kept = Map<string, Response>;

/** One browser: its caches, a server that may be gone, and the service worker of a build. */
class Browser {
  readonly caches = new Map<string, Kept>();
  /** What the server sends by path, undefined while it does not answer. */
  server: Record<string, string> | undefined;
  isDiskFull = false;
  /** Paths that the server was asked for. */
  readonly asked: string[] = [];
  #heard = new Map<string, (event: unknown) => void>();

  /** The service worker of `build` starts. */
  async start(build: string): Promise<void> {
    this.#heard = new Map();
    const scope = { registration: { scope: SCOPE }, clients: { claim: async () => {} }, skipWaiting: async () => {} };
    const addEventListener = (name: string, listener: (event: unknown) => void) => this.#heard.set(name, listener);
    vi.stubGlobal('self', { ...scope, addEventListener });
    vi.stubGlobal('location', { href: `${SCOPE}offline.js?build=${build}` });
    vi.stubGlobal('caches', {
      keys: async () => [...this.caches.keys()],
      delete: async (name: string) => this.caches.delete(name),
      open: async (name: string) => {
        const kept: Kept = this.caches.get(name) ?? new Map();
        this.caches.set(name, kept);
        const key = (request: Request | string) => (typeof request === 'string' ? request : request.url);
        return {
          match: async (request: Request | string) => kept.get(key(request))?.clone(),
          put: async (request: Request | string, response: Response) => {
            if (this.isDiskFull) throw new DOMException('full', 'QuotaExceededError');
            kept.set(key(request), response);
          },
        };
      },
    });
    vi.stubGlobal('fetch', async (request: Request | string) => {
      const path = (typeof request === 'string' ? request : request.url).slice(SCOPE.length);
      this.asked.push(path);
      if (!this.server) throw new TypeError('no server');
      const text = this.server[path];
      return text === undefined ? new Response('', { status: 404 }) : new Response(text);
    });
    vi.resetModules();
    await import('../../../src/pages/offline.worker');
    await this.#happen('install', {});
    await this.#happen('activate', {});
  }

  tell = (addresses: readonly string[]) => this.#happen('message', { data: addresses, ports: [] });

  /** A page asks to be served by the broker of near links; returns what the worker has to last for. */
  serve = (port: MessagePort) => this.#tell('message', { data: 'broker' satisfies ServeBroker, ports: [port] });

  /** The text that a page gets, null where the worker leaves the request to the browser. */
  async load(path: string, more: RequestInit = {}): Promise<string | null> {
    let answer: Promise<Response> | undefined;
    const request = new Request(path.includes('://') ? path : `${SCOPE}${path}`, more);
    const respondWith = (given: Promise<Response>) => {
      answer = given;
    };
    const lasting = this.#tell('fetch', { request, respondWith });
    const text = answer ? await (await answer).text() : null;
    await Promise.all(lasting);
    return text;
  }

  async #happen(name: string, event: object): Promise<void> {
    const lasting = this.#tell(name, event);
    // why in turn: work may ask for more of it
    for (const work of lasting) await work;
  }

  /** What the event is to last for. */
  #tell(name: string, event: object): readonly Promise<unknown>[] {
    const lasting: Promise<unknown>[] = [];
    this.#heard.get(name)!({ ...event, waitUntil: (work: Promise<unknown>) => void lasting.push(work) });
    return lasting;
  }
}

afterEach(() => vi.unstubAllGlobals());

const ONE = { 'chat.html': 'page 1', 'assets/a-1.js': 'code 1', 'texts/t.txt': 'text' };

test('what a page had loaded and loads later is there without the server; what no page used is not', async () => {
  const browser = new Browser();
  browser.server = ONE;
  await browser.start('one');
  await browser.tell([`${SCOPE}chat.html`, `${SCOPE}assets/a-1.js`, 'https://elsewhere/assets/b.js', `${SCOPE}signal`]);
  expect(browser.asked.sort()).toEqual(['assets/a-1.js', 'chat.html']);
  expect(await browser.load('texts/t.txt')).toBe('text');
  browser.server = undefined;
  expect(await browser.load('chat.html')).toBe('page 1');
  expect(await browser.load('assets/a-1.js')).toBe('code 1');
  expect(await browser.load('texts/t.txt')).toBe('text');
  await expect(browser.load('lecture.html')).rejects.toThrow('no server');
  await expect(browser.load('assets/c-1.js')).rejects.toThrow('no server');
});

test('a full disk keeps nothing and takes nothing from the page', async () => {
  const browser = new Browser();
  browser.server = ONE;
  browser.isDiskFull = true;
  await browser.start('one');
  await browser.tell([`${SCOPE}chat.html`]);
  expect(await browser.load('chat.html')).toBe('page 1');
  expect(await browser.load('assets/a-1.js')).toBe('code 1');
  browser.server = undefined;
  await expect(browser.load('chat.html')).rejects.toThrow('no server');
});

test('pages come from the server while it answers, files with a hash in their name are asked for once', async () => {
  const browser = new Browser();
  browser.server = ONE;
  await browser.start('one');
  await browser.load('chat.html');
  await browser.load('assets/a-1.js');
  browser.server = { 'chat.html': 'page 2' };
  expect(await browser.load('chat.html')).toBe('page 2');
  expect(await browser.load('assets/a-1.js')).toBe('code 1');
  expect(browser.asked).toEqual(['chat.html', 'assets/a-1.js', 'chat.html']);
});

test('a new build begins with nothing, and forgets the files of others in its folder only', async () => {
  const browser = new Browser();
  browser.server = ONE;
  browser.caches.set('tabtrain https://host/other/ one', new Map());
  await browser.start('one');
  await browser.load('chat.html');
  await browser.start('two');
  expect([...browser.caches.keys()]).toEqual(['tabtrain https://host/other/ one']);
  browser.server = undefined;
  await expect(browser.load('chat.html')).rejects.toThrow('no server');
});

test('what is no file of the build, or must be fresh, is left to the browser; an error is not kept', async () => {
  const browser = new Browser();
  browser.server = ONE;
  await browser.start('one');
  for (const path of ['signal', 'relay', 'headless/x/orders?index=0', 'chat.html?x=1', 'https://elsewhere/chat.html']) {
    expect(await browser.load(path), path).toBeNull();
  }
  expect(await browser.load('chat.html', { method: 'HEAD' })).toBeNull();
  expect(await browser.load('chat.html', { cache: 'no-store' })).toBeNull();
  expect(await browser.load('texts/t.txt', { headers: { range: 'bytes=0-1' } })).toBeNull();
  await browser.load('assets/missing-1.js');
  browser.server = undefined;
  await expect(browser.load('assets/missing-1.js')).rejects.toThrow('no server');
});

test('without SharedWorkers it hands ports from page to page, and lasts for that', async () => {
  const browser = new Browser();
  await browser.start('one');
  const pages = [new MessageChannel(), new MessageChannel()];
  const link = new MessageChannel();
  onTestFinished(() => {
    for (const { port1 } of [...pages, link]) port1.close();
  });
  vi.useFakeTimers();
  const lasting = pages.flatMap(({ port2 }) => browser.serve(port2));
  await vi.advanceTimersByTimeAsync(60_000);
  vi.useRealTimers();
  expect(await Promise.all(lasting)).toHaveLength(2);
  const [a, b] = pages.map(({ port1 }) => port1);
  const taken = new Promise<MessagePort>((resolve) => {
    b!.onmessage = ({ ports }: MessageEvent) => resolve(ports[0]!);
  });
  b!.postMessage({ take: 'the token' });
  a!.postMessage({ leave: 'another token' }, [new MessageChannel().port2]);
  a!.postMessage({ leave: 'the token' }, [link.port2]);
  const heard = new Promise((resolve) => {
    link.port1.onmessage = ({ data }: MessageEvent) => resolve(data);
  });
  (await taken).postMessage('hello');
  expect(await heard).toBe('hello');
});
