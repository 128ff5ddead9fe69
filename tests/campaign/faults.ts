/** The four things that happen to the fourth tab of the room, and the longest time that the others may stand still. */
import type { Page } from 'playwright-core';
import { beforeWorker, killGpuProcess, start, type Venue, type Visitor } from '../helpers/visitor';
import { sleep } from './room';

export const KINDS = ['devices', 'kills', 'guests', 'freezes'] as const;
export type Kind = (typeof KINDS)[number];

const FREEZE_MS = 1000 * Number(process.env.TABTRAIN_FREEZE_S ?? 60);

interface Happening {
  readonly venue: Venue;
  readonly page: Page;
  /** How often this kind has happened before. */
  readonly round: number;
}

interface Fault {
  /** The tab takes part before. */
  readonly joins: boolean;
  /** The tab takes part again afterwards. */
  readonly returns: boolean;
  readonly prepare?: (visitor: Visitor, round: number) => Promise<void>;
  readonly happen: (to: Happening) => Promise<void>;
  /** The others are watched for this long after it. */
  readonly watchMs: number;
  readonly limitMs: number;
}

/** The renderer of the only page of a browser that has computed. */
export async function rendererOf({ browser }: Venue): Promise<number> {
  const devtools = await browser.newBrowserCDPSession();
  const { processInfo } = await devtools.send('SystemInfo.getProcessInfo');
  await devtools.detach();
  const renderers = processInfo.filter(({ type }) => type === 'renderer');
  return renderers.reduce((most, one) => (one.cpuTime > most.cpuTime ? one : most)).id;
}

/** The profile reaches the server and no peer; every second one has the lowest id that there is. */
async function isolate({ context }: Visitor, round: number): Promise<void> {
  await context.addInitScript(
    (isLowest) => {
      const Open = globalThis.RTCPeerConnection;
      globalThis.RTCPeerConnection = class extends Open {
        constructor(given?: RTCConfiguration) {
          super({ ...given, iceTransportPolicy: 'relay' });
        }
      };
      const random = crypto.getRandomValues.bind(crypto);
      crypto.getRandomValues = ((into: Uint8Array<ArrayBuffer>) =>
        isLowest && into.length === 6 ? into.fill(0) : random(into)) as typeof crypto.getRandomValues;
    },
    round % 2 === 1,
  );
}

const KEEP_DEVICES = `globalThis.opened = [];
const open = GPUAdapter.prototype.requestDevice;
GPUAdapter.prototype.requestDevice = async function (given) {
  const device = await open.call(this, given);
  globalThis.opened.push(device);
  return device;
}`;

export const FAULTS: Readonly<Record<Kind, Fault>> = {
  kills: {
    joins: true,
    returns: false,
    happen: async ({ venue }) => void process.kill(await rendererOf(venue), 'SIGKILL'),
    watchMs: 5_000,
    limitMs: 2_000,
  },
  freezes: {
    joins: true,
    returns: true,
    happen: async ({ venue }) => {
      const id = await rendererOf(venue);
      process.kill(id, 'SIGSTOP');
      await sleep(FREEZE_MS);
      process.kill(id, 'SIGCONT');
    },
    watchMs: 5_000,
    limitMs: 6_000,
  },
  guests: {
    joins: false,
    returns: false,
    prepare: isolate,
    happen: ({ page }) => start(page),
    watchMs: 12_000,
    limitMs: 0,
  },
  devices: {
    joins: true,
    returns: true,
    prepare: ({ context }) => beforeWorker(context, KEEP_DEVICES),
    happen: async ({ venue, page, round }) => {
      if (round % 2 === 0) return killGpuProcess(venue.browser);
      const [worker] = page.workers();
      await worker!.evaluate(() => (globalThis as unknown as { opened: GPUDevice[] }).opened.at(-1)!.destroy());
    },
    watchMs: 10_000,
    limitMs: 2_000,
  },
};
