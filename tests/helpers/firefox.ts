/**
 * Firefox, where it is installed, driven over WebDriver BiDi (w3.org/TR/webdriver-bidi): its pages compute on Mesa's
 * software adapter. Only what the tests need of the protocol.
 */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { WebSocket } from 'ws';
import type { OnEnd } from './visitor';

/** Vulkan drivers of Debian's mesa-vulkan-drivers. */
const DRIVERS = '/usr/share/vulkan/icd.d';
/** The driver that computes on the processor. */
const SOFTWARE = existsSync(DRIVERS) ? readdirSync(DRIVERS).find((name) => name.startsWith('lvp_icd')) : undefined;
/** Older ones refuse WebGPU on Linux, whatever the preferences. */
const OLDEST = 141;
const versionOf = (name: string) => Number(/\d+/.exec(String(spawnSync(name, ['--version']).stdout))?.[0] ?? 0);
const PROGRAM = ['firefox-esr', 'firefox'].find((name) => versionOf(name) >= OLDEST);

/** What a test in Firefox lacks on this machine, '' if nothing. */
export const FIREFOX_LACKS = [PROGRAM ? '' : `Firefox ${OLDEST} or newer`, SOFTWARE ? '' : 'mesa-vulkan-drivers']
  .filter(Boolean)
  .join(' and ');

/** WebGPU, which Firefox on Linux does not switch on by itself, and nothing that asks the network. */
const PREFERENCES = {
  'dom.webgpu.enabled': true,
  'dom.webgpu.workers.enabled': true,
  'gfx.webgpu.ignore-blocklist': true,
  'app.update.enabled': false,
  'browser.shell.checkDefaultBrowser': false,
  'browser.startup.homepage_override.mstone': 'ignore',
  'datareporting.policy.dataSubmissionEnabled': false,
  'network.captive-portal-service.enabled': false,
  'network.connectivity-service.enabled': false,
  'toolkit.telemetry.enabled': false,
};

/** The longest that Firefox may take for one command; pages are polled with many short ones. */
const ANSWER_MS = 60_000;

interface Answer {
  readonly id?: number;
  readonly type: 'success' | 'error' | 'event';
  readonly message?: string;
  readonly result?: unknown;
  readonly params?: unknown;
}

interface Waiting {
  readonly resolve: (result: unknown) => void;
  readonly reject: (error: Error) => void;
}

export class Firefox {
  /** Errors of the pages, as they came. */
  readonly complaints: string[] = [];
  readonly #waiting = new Map<number, Waiting>();
  #sent = 0;

  private constructor(
    readonly program: ChildProcess,
    readonly socket: WebSocket,
  ) {
    socket.on('message', (data) => this.#onMessage(JSON.parse(String(data)) as Answer));
    socket.on('close', () => this.#fail(new Error('Firefox has closed the connection')));
  }

  /** Starts Firefox without a window and with a fresh profile; `onEnd` gets what ends it. */
  static async launch(onEnd: OnEnd): Promise<Firefox> {
    const profile = mkdtempSync(join(tmpdir(), 'firefox-'));
    const lines = Object.entries(PREFERENCES).map(([name, value]) => `user_pref("${name}", ${JSON.stringify(value)});`);
    writeFileSync(join(profile, 'user.js'), lines.join('\n'));
    const args = ['--headless', '--no-remote', '--profile', profile, '--remote-debugging-port', '0', 'about:blank'];
    const env = {
      ...process.env,
      VK_ICD_FILENAMES: join(DRIVERS, SOFTWARE!),
      XDG_RUNTIME_DIR: profile,
      // why: root's home may belong to somebody else, which Firefox refuses
      HOME: profile,
    };
    const program = spawn(PROGRAM!, args, { env, stdio: ['ignore', 'ignore', 'pipe'] });
    const ended = new Promise<void>((resolve) => program.once('exit', () => resolve()));
    onEnd(async () => {
      program.kill('SIGKILL');
      await ended;
      // why retries: a process of a page writes a last file
      rmSync(profile, { recursive: true, force: true, maxRetries: 10, retryDelay: 100 });
    });
    const socket = new WebSocket(`${await addressIn(program)}/session`);
    await new Promise((resolve, reject) => socket.once('open', resolve).once('error', reject));
    const firefox = new Firefox(program, socket);
    await firefox.#ask('session.new', { capabilities: {} });
    await firefox.#ask('session.subscribe', { events: ['log.entryAdded'] });
    return firefox;
  }

  /** Opens a tab at `address` and waits until it is loaded. */
  async open(address: string): Promise<FirefoxTab> {
    const { context } = (await this.#ask('browsingContext.create', { type: 'tab' })) as { context: string };
    await this.#ask('browsingContext.navigate', { context, url: address, wait: 'complete' });
    return new FirefoxTab((method, params) => this.#ask(method, { ...params, context, target: { context } }));
  }

  /** The process dies: no handler of a page runs. */
  kill(): void {
    this.program.kill('SIGKILL');
  }

  async #ask(method: string, params: object): Promise<unknown> {
    const id = ++this.#sent;
    const answer = new Promise((resolve, reject) => this.#waiting.set(id, { resolve, reject }));
    this.socket.send(JSON.stringify({ id, method, params }));
    const late = new AbortController();
    const silence = setTimeout(ANSWER_MS, undefined, { signal: late.signal }).then(() => {
      throw new Error(`Firefox has not answered ${method} in ${ANSWER_MS} ms`);
    });
    try {
      return await Promise.race([answer, silence]);
    } finally {
      this.#waiting.delete(id);
      silence.catch(() => {});
      late.abort();
    }
  }

  #onMessage({ id, type, message, result, params }: Answer): void {
    if (type === 'event') {
      const { level, text } = params as { level: string; text: string };
      if (level === 'error') this.complaints.push(text);
      return;
    }
    const waiting = this.#waiting.get(id!);
    if (type === 'success') waiting?.resolve(result);
    else waiting?.reject(new Error(`Firefox refuses: ${message}`));
  }

  #fail(error: Error): void {
    for (const { reject } of this.#waiting.values()) reject(error);
  }
}

/** The address that Firefox names once it listens. What it writes is read to the end, or it would wait at a full pipe. */
function addressIn(program: ChildProcess): Promise<string> {
  let said = '';
  return new Promise((resolve, reject) => {
    program.stderr!.on('data', (data: Buffer) => {
      said += data;
      const [address] = /ws:\/\/\S+/.exec(said) ?? [];
      if (address) resolve(address);
    });
    program.once('exit', () => reject(new Error(`Firefox has ended: ${said}`)));
  });
}

export class FirefoxTab {
  constructor(private readonly ask: (method: string, params: object) => Promise<unknown>) {}

  /** The value of a JavaScript expression in the page, awaited; throws what it throws. */
  async evaluate(expression: string): Promise<unknown> {
    const found = (await this.ask('script.evaluate', {
      expression: `Promise.resolve(${expression}).then((value) => JSON.stringify(value ?? null))`,
      awaitPromise: true,
    })) as { result?: { value: string }; exceptionDetails?: { text: string } };
    if (!found.result) throw new Error(found.exceptionDetails?.text);
    return JSON.parse(found.result.value);
  }

  /** Text of the first element, '' where there is none. */
  async text(selector: string): Promise<string> {
    return String(await this.evaluate(`document.querySelector(${JSON.stringify(selector)})?.textContent ?? ''`));
  }

  /** Committed steps, as the page shows them. */
  async step(): Promise<number> {
    return Number(await this.evaluate(`document.querySelector('progress')?.value ?? 0`));
  }

  async click(selector: string): Promise<void> {
    await this.evaluate(`document.querySelector(${JSON.stringify(selector)}).click()`);
  }
}
