/**
 * `npm run test:faults`: faults that happen to one of three tabs, in real browsers, as one table of what the others see.
 * `npm test` has a sample of them (members.test.ts) and thousands on virtual time (worlds.test.ts).
 */
import { test } from 'vitest';
import { buildHash } from '../../src/server/plugin';
import { FaultRoom, type Outcome } from '../helpers/faultroom';
import { beforeWorker, killGpuProcess, start, type Visitor } from '../helpers/visitor';

const TIMES = Number(process.env.TABTRAIN_FAULTS ?? 0);
const ROOT = new URL('../..', import.meta.url).pathname;

interface Fault {
  readonly name: string;
  readonly prepare?: (visitor: Visitor) => Promise<void>;
  /** The victim takes part before the fault. */
  readonly joins: boolean;
  readonly happen: (room: FaultRoom) => Promise<void>;
  readonly forMs: number;
}

const sleep = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));
const stopFor = async (room: FaultRoom, ms: number) => {
  const process_ = await room.renderer();
  process.kill(process_, 'SIGSTOP');
  await sleep(ms);
  process.kill(process_, 'SIGCONT');
};

const FAULTS: readonly Fault[] = [
  { name: 'tab closed', joins: true, happen: ({ page }) => page.close(), forMs: 6_000 },
  {
    name: 'Page.crash',
    joins: true,
    happen: async ({ page, victim }) => {
      const devtools = await victim.context.newCDPSession(page);
      devtools.send('Page.crash').catch(() => {});
    },
    forMs: 8_000,
  },
  {
    name: 'SIGKILL of the renderer',
    joins: true,
    happen: async (room) => void process.kill(await room.renderer(), 'SIGKILL'),
    forMs: 8_000,
  },
  { name: 'renderer stopped for 20 s', joins: true, happen: (room) => stopFor(room, 20_000), forMs: 8_000 },
  {
    name: 'graphics process killed',
    joins: true,
    happen: ({ victims }) => killGpuProcess(victims.browser),
    forMs: 10_000,
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
  },
  { name: 'tab reloaded', joins: true, happen: async ({ page }) => void (await page.reload()), forMs: 6_000 },
  {
    name: 'tab gone and back (history)',
    joins: true,
    happen: async ({ page }) => {
      await page.goto('about:blank');
      await page.goBack();
    },
    forMs: 6_000,
  },
  {
    name: 'storage full',
    joins: true,
    happen: async ({ page, victim }) => {
      const devtools = await victim.context.newCDPSession(page);
      await devtools.send('Storage.overrideQuotaForOrigin', { origin: new URL(page.url()).origin, quotaSize: 1 });
    },
    forMs: 8_000,
  },
  {
    name: 'another build joins',
    joins: false,
    prepare: async ({ context }) => {
      const build = buildHash(ROOT);
      await context.route(/\/assets\/.*\.js$/, async (route) => {
        const response = await route.fetch();
        await route.fulfill({ response, body: (await response.text()).replaceAll(build, 'another12345') });
      });
    },
    happen: ({ page }) => start(page),
    forMs: 8_000,
  },
];

let silent = false;

const ms = (value: number | null) => (value === null ? '–' : `${(value / 1000).toFixed(2)} s`);
const quantile = (values: readonly number[], q: number) =>
  [...values].sort((a, b) => a - b)[Math.min(values.length - 1, Math.floor(q * values.length))]!;

function row({ name }: Fault, outcomes: readonly Outcome[]): string {
  const noticed = outcomes.flatMap(({ noticedMs }) => (noticedMs === null ? [] : [noticedMs]));
  const pauses = outcomes.map(({ pauseMs }) => pauseMs);
  const both = (values: readonly number[]) =>
    values.length === 0 ? '–' : `${ms(quantile(values, 0.5))} / ${ms(quantile(values, 0.95))}`;
  const lost = Math.max(...outcomes.map(({ stepsLost }) => stepsLost));
  const equal = outcomes.every(({ isEqual }) => isEqual) ? 'yes' : 'NO';
  return `| ${name} | ${both(noticed)} | ${both(pauses)} | ${lost} | ${equal} | ${outcomes.at(-1)!.sentence} |`;
}

test.runIf(TIMES > 0)(
  'faults in real browsers',
  { timeout: FAULTS.length * Math.max(1, TIMES) * 120_000 },
  async () => {
    const rows: string[] = [];
    for (const fault of FAULTS) {
      const outcomes: Outcome[] = [];
      for (let time = 0; time < TIMES; time++) {
        const ends: (() => Promise<void>)[] = [];
        const room = await FaultRoom.open((end) => ends.unshift(end), fault.prepare);
        try {
          if (fault.joins) await room.join();
          outcomes.push(await room.watch(() => fault.happen(room), fault.forMs));
        } finally {
          for (const end of ends) await end();
        }
      }
      rows.push(row(fault, outcomes));
      console.info(rows.at(-1));
    }
    const head =
      '| fault | noticed after p50 / p95 | longest pause of the others p50 / p95 | steps lost | hashes equal | sentence shown |';
    console.info([head, '|---|---|---|---|---|---|', ...rows].join('\n'));
  },
);
