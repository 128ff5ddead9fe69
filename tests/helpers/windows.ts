/**
 * A browser with windows and tabs as people have them: a tab in the background is really hidden and throttled.
 * Playwright makes every tab believe that it is in front, so this uses the browser's own protocol and emulates nothing.
 * Needs no display: today's headless browser hides tabs like any other.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { WebSocket } from 'ws';
import { browserFlags, requireBrowser } from '../../src/cli/machine/browser';

/** Flags that keep hidden tabs awake: with one of them tests that use this file would prove nothing. */
const WAKING = /background-timer|renderer-backgrounding|backgrounding-occluded/;

interface Answer {
  readonly id?: number;
  readonly result?: unknown;
  readonly error?: { readonly message: string };
}

export class Windows {
  #id = 0;
  readonly #waiting = new Map<number, (answer: Answer) => void>();

  private constructor(
    private readonly process: ChildProcess,
    private readonly socket: WebSocket,
    private readonly profile: string,
  ) {
    socket.on('message', (text) => {
      const answer = JSON.parse(String(text)) as Answer;
      if (answer.id === undefined) return;
      this.#waiting.get(answer.id)?.(answer);
      this.#waiting.delete(answer.id);
    });
  }

  static async open(): Promise<Windows> {
    const flags = browserFlags(true).filter((flag) => !WAKING.test(flag));
    const profile = await mkdtemp(join(tmpdir(), 'tabtrain-windows-'));
    const browser = spawn(
      requireBrowser(),
      [...flags, '--headless=new', '--remote-debugging-port=0', `--user-data-dir=${profile}`, 'about:blank'],
      { stdio: ['ignore', 'ignore', 'pipe'] },
    );
    const address = await new Promise<string>((resolve, reject) => {
      let said = '';
      browser.stderr.on('data', (chunk) => {
        said += String(chunk);
        const found = said.match(/DevTools listening on (\S+)/)?.[1];
        if (found) resolve(found);
      });
      browser.once('exit', (code) => reject(new Error(`the browser ended with code ${code}: ${said}`)));
    });
    const socket = new WebSocket(address);
    await new Promise((resolve, reject) => socket.once('open', resolve).once('error', reject));
    return new Windows(browser, socket, profile);
  }

  /** A window of its own with one tab and a blank one; the tab can be hidden behind it. `title` is the page's. */
  async openTab(url: string, title: string): Promise<WindowTab> {
    const front = await this.#create(url, true);
    // why before attaching: a page that is still loading never answers a command
    while ((await this.#titleOf(front)) !== title) await new Promise((resolve) => setTimeout(resolve, 100));
    const session = await this.#attach(front);
    return new WindowTab(this, front, await this.#create('about:blank', false), session);
  }

  async close(): Promise<void> {
    const ended = new Promise((resolve) => this.process.once('exit', resolve));
    // why the answer is not awaited: the browser may end before it answers
    this.socket.send(JSON.stringify({ id: ++this.#id, method: 'Browser.close' }));
    await ended;
    this.socket.close();
    await rm(this.profile, { recursive: true, force: true, maxRetries: 20 });
  }

  /** Sends one command of the browser's protocol. Throws with the browser's own sentence. */
  async call(method: string, params: object = {}, sessionId?: string): Promise<unknown> {
    const id = ++this.#id;
    const answer = await new Promise<Answer>((resolve) => {
      this.#waiting.set(id, resolve);
      this.socket.send(JSON.stringify({ id, method, params, ...(sessionId ? { sessionId } : {}) }));
    });
    if (answer.error) throw new Error(`${method}: ${answer.error.message}`);
    return answer.result;
  }

  async #create(url: string, newWindow: boolean): Promise<string> {
    return ((await this.call('Target.createTarget', { url, newWindow })) as { targetId: string }).targetId;
  }

  async #titleOf(targetId: string): Promise<string> {
    const { targetInfo } = (await this.call('Target.getTargetInfo', { targetId })) as { targetInfo: { title: string } };
    return targetInfo.title;
  }

  async #attach(targetId: string): Promise<string> {
    return ((await this.call('Target.attachToTarget', { targetId, flatten: true })) as { sessionId: string }).sessionId;
  }
}

export class WindowTab {
  constructor(
    private readonly windows: Windows,
    private readonly target: string,
    private readonly blank: string,
    private readonly session: string,
  ) {}

  async show(): Promise<void> {
    await this.windows.call('Target.activateTarget', { targetId: this.target });
  }

  /** Put the window's blank tab in front of this one. */
  async hide(): Promise<void> {
    await this.windows.call('Target.activateTarget', { targetId: this.blank });
  }

  /** Waits until the expression is true, at most until the test ends. */
  async until(expression: string): Promise<void> {
    while (!(await this.evaluate<boolean>(expression))) await new Promise((resolve) => setTimeout(resolve, 100));
  }

  /** The value of a JavaScript expression in the page. Throws what the page throws. */
  async evaluate<T>(expression: string): Promise<T> {
    const params = { expression, returnByValue: true, awaitPromise: true };
    const { result, exceptionDetails } = (await this.windows.call('Runtime.evaluate', params, this.session)) as {
      result: { value: T };
      exceptionDetails?: { text: string; exception?: { description?: string } };
    };
    if (exceptionDetails) throw new Error(exceptionDetails.exception?.description ?? exceptionDetails.text);
    return result.value;
  }
}
