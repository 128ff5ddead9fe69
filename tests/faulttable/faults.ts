/** The faults of the table, what is done to the victim for each, and what the room or the victim must then read. */
import { buildHash } from '../../src/server/plugin';
import type { FaultRoom } from '../helpers/faultroom';
import { beforeWorker, killGpuProcess, start, type Visitor } from '../helpers/visitor';

const ROOT = new URL('../..', import.meta.url).pathname;

export interface Fault {
  readonly name: string;
  readonly prepare?: (visitor: Visitor) => Promise<void>;
  /** The victim takes part before the fault. */
  readonly joins: boolean;
  readonly happen: (room: FaultRoom) => Promise<void>;
  readonly forMs: number;
  /** What the room reads about the victim or the victim itself reads; empty where the others see a peer less and no more. */
  readonly sentence: RegExp;
}

const sleep = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));
const stopFor = async (room: FaultRoom, ms: number) => {
  const process_ = await room.renderer();
  process.kill(process_, 'SIGSTOP');
  await sleep(ms);
  process.kill(process_, 'SIGCONT');
};

let silent = false;

export const FAULTS: readonly Fault[] = [
  { name: 'tab closed', joins: true, happen: ({ page }) => page.close(), forMs: 6_000, sentence: /^$/ },
  {
    name: 'Page.crash',
    joins: true,
    happen: async ({ page, victim }) => {
      const devtools = await victim.context.newCDPSession(page);
      devtools.send('Page.crash').catch(() => {});
    },
    forMs: 8_000,
    sentence: /^$/,
  },
  {
    name: 'SIGKILL of the renderer',
    joins: true,
    happen: async (room) => void process.kill(await room.renderer(), 'SIGKILL'),
    forMs: 8_000,
    sentence: /^$/,
  },
  {
    name: 'renderer stopped for 20 s',
    joins: true,
    happen: (room) => stopFor(room, 20_000),
    forMs: 8_000,
    sentence: /^$/,
  },
  {
    name: 'graphics process killed',
    joins: true,
    happen: ({ victims }) => killGpuProcess(victims.browser),
    forMs: 10_000,
    sentence: /^$/,
  },
  {
    name: 'buffer limit too low',
    joins: false,
    prepare: ({ context }) =>
      beforeWorker(
        context,
        `Object.defineProperty(GPUSupportedLimits.prototype, 'maxBufferSize', { get: () => 8192 });
         const open = GPUAdapter.prototype.requestDevice;
         GPUAdapter.prototype.requestDevice = function (given) {
           return open.call(this, { ...given, requiredLimits: { ...given.requiredLimits, maxBufferSize: 2 ** 28 } });
         }`,
      ),
    happen: ({ page }) => start(page),
    forMs: 10_000,
    sentence: /^left: its graphics chip allows 8 kB buffers$/,
  },
  {
    name: 'isolated guest joins',
    joins: false,
    prepare: async ({ context }) => {
      await context.addInitScript(() => {
        const Open = globalThis.RTCPeerConnection;
        globalThis.RTCPeerConnection = class extends Open {
          constructor(given?: RTCConfiguration) {
            super({ ...given, iceTransportPolicy: 'relay' });
          }
        };
      });
    },
    happen: ({ page }) => start(page),
    forMs: 20_000,
    sentence: /^No connection to .*: both sides must be in one network/,
  },
  {
    name: 'socket silent for 15 s',
    joins: true,
    prepare: async ({ context }) => {
      await context.routeWebSocket(/.*/, (socket) => {
        const server = socket.connectToServer();
        socket.onMessage((message) => {
          if (!silent) server.send(message);
        });
        server.onMessage((message) => {
          if (!silent) socket.send(message);
        });
      });
    },
    happen: async () => {
      silent = true;
      await sleep(15_000);
      silent = false;
    },
    forMs: 6_000,
    sentence: /^$/,
  },
  {
    name: 'tab reloaded',
    joins: true,
    happen: async ({ page }) => void (await page.reload()),
    forMs: 6_000,
    sentence: /^$/,
  },
  {
    name: 'tab duplicated',
    joins: true,
    happen: async ({ page }) => {
      const [twin] = await Promise.all([page.waitForEvent('popup'), page.evaluate(() => void open(location.href))]);
      await twin.locator('.device-slow').waitFor();
      await start(twin);
    },
    forMs: 8_000,
    sentence: /^$/,
  },
  {
    name: 'tab gone and back (history)',
    joins: true,
    happen: async ({ page }) => {
      await page.goto('about:blank');
      await page.goBack();
    },
    forMs: 6_000,
    sentence: /^$/,
  },
  {
    name: 'storage full',
    joins: true,
    happen: async ({ page, victim }) => {
      const devtools = await victim.context.newCDPSession(page);
      await devtools.send('Storage.overrideQuotaForOrigin', { origin: new URL(page.url()).origin, quotaSize: 1 });
    },
    forMs: 8_000,
    sentence: /^$/,
  },
  {
    name: 'another build joins',
    joins: false,
    prepare: async ({ context }) => {
      const build = buildHash(ROOT);
      await context.route(/\/assets\/.*\.js$/, async (route) => {
        const response = await route.fetch();
        await route.fulfill({ response, body: (await response.text()).replaceAll(build, '0123456789ab') });
      });
    },
    happen: ({ page }) => start(page),
    forMs: 15_000,
    sentence: /^The tabs that train here have another version of this page/,
  },
  {
    name: 'driver computes wrong numbers',
    joins: false,
    prepare: ({ context }) =>
      beforeWorker(
        context,
        `const make = GPUDevice.prototype.createShaderModule;
         GPUDevice.prototype.createShaderModule = function (given) {
           return make.call(this, { ...given, code: given.code.replaceAll('exp(', 'exp2(') });
         }`,
      ),
    happen: ({ page }) => start(page),
    forMs: 10_000,
    sentence: /^This device computes wrong numbers: step \d of a small test gave loss/,
  },
];
