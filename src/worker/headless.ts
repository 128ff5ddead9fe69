/**
 * A rank of a headless run, the same in a page and in a Node process: asks the command line's server for its setup, trains,
 * and hands back metrics, trace, model and the final report. The other side is cli/run/headless.ts.
 */

import { StorageError, sentenceOf } from '../errors';
import type { Room, RoomOptions } from '../net/room/room';
import { openRoom } from '../net/room/room';
import type { ConnectOptions, PeerConnection } from '../net/room/webrtc';
import { BUILD } from '../net/signaling/build';
import { deriveRoom, newPeerId } from '../net/signaling/roomkey';
import { SIGNALING_PATH } from '../net/signaling/signaladdress';
import type { Presence } from '../net/signaling/signaling';
import { type SocketLike, SocketSignaling } from '../net/signaling/socketsignaling';
import type { ParallelPlan } from '../plan/plan';
import { readRunFile } from '../train/runfile';
import type {
  DeskCheckpoint,
  Handicap,
  MemoryByRole,
  RankResult,
  StartOptions,
  StepMetrics,
  TabStatus,
  Tour,
  Traced,
} from './api';
import { askDesk } from './kept/deskfiles';
import { fetchBytes } from './sources';

export interface RankStatus {
  readonly phase: string;
  readonly sentence: string;
  /** Of rank 0 only: all ranks have the same. */
  readonly metrics: readonly StepMetrics[];
  /** Committed steps. */
  readonly step: number;
  readonly plan: ParallelPlan | null;
}

export interface RankReport {
  readonly end: 'done' | 'stopped' | 'failed';
  readonly sentence: string;
  readonly rank: number;
  /** The plan of the last step. */
  readonly plan: ParallelPlan | null;
  readonly adapter: string;
  readonly software: boolean;
  readonly memory: MemoryByRole | null;
  readonly bytesSent: number;
  readonly bytesReceived: number;
  readonly weightsHash: string;
  /** Peak memory of this rank's process, bytes; null if it is not known. */
  readonly peakRssBytes: number | null;
}

/** What differs between a page and a Node process. */
interface Surroundings {
  /** `http://host:port/headless/...`, without a slash at the end. */
  readonly desk: string;
  readonly index: number;
  readonly connectSocket: (url: string) => SocketLike;
  readonly connectPeer: (options: ConnectOptions) => PeerConnection;
  /**
   * Of a page: how it reaches the other pages of its browser. `machineOf` names their machine in the room of a secret.
   */
  readonly near?: NonNullable<RoomOptions['near']> & { machineOf(secret: string): Promise<string | undefined> };
  readonly peakRssBytes?: () => number;
  /** Starts the training side and joins it to the room. */
  readonly openRank: (room: Room, onStatus: (status: TabStatus) => void) => Promise<Rank>;
}

interface Rank {
  start(options: StartOptions): Promise<RankResult>;
  handicap(handicap: Handicap): unknown;
  switchPlan(plan: ParallelPlan): unknown;
  traced(): Traced | Promise<Traced>;
  end(): unknown;
}

/** The setup, which a rank asks for first. */
export interface HeadlessSetup {
  /** The run file as JSON text, the same for all ranks. */
  readonly run: string;
  readonly peers: number;
  /** The room's secret. */
  readonly secret: string;
  readonly limitBytes: number | null;
  readonly hasInit: boolean;
  readonly handicap: Handicap;
  /** Handicap.unitMs of the first ranks; all further ones have that of `handicap`. */
  readonly unitMsByRank: readonly number[];
  readonly tour: Tour | null;
  /** Measure the links before the first step. */
  readonly probing: boolean;
  /** The trace is wanted once this many steps are committed; null if only at the end. */
  readonly measuredAt: number | null;
  /** Change shares and stages by the measured speed of the ranks. */
  readonly balancing: boolean;
  /** True if files are wanted: the model's at the end, and checkpoints. */
  readonly delivers: boolean;
  /** Steps from one checkpoint to the next, 0 for none. */
  readonly everySteps: number;
  /** The checkpoint to resume from. */
  readonly resume: DeskCheckpoint | null;
}

/** The answer to a rank that asks for orders. */
export interface Orders {
  /** Keep the state at the next step border, and end there. */
  readonly end: boolean;
  /** Ask the room for this plan. */
  readonly plan: ParallelPlan | null;
}

const FAILED = {
  rank: -1,
  plan: null,
  adapter: '',
  software: false,
  memory: null,
  bytesSent: 0,
  bytesReceived: 0,
  weightsHash: '',
  peakRssBytes: null,
};

/**
 * Takes part from setup to report. An error is reported to the command line and ends the run. Rejects only if the error
 * cannot be reported because the command line is gone.
 */
export async function runHeadless(around: Surroundings): Promise<void> {
  const post = poster(around);
  const report = (body: RankReport) =>
    askDesk(`${around.desk}/report?index=${around.index}`, 'the report', {
      method: 'POST',
      body: JSON.stringify(body),
    });
  try {
    const setup = JSON.parse(
      new TextDecoder().decode(await fetchBytes(`${around.desk}/setup`, 'the setup')),
    ) as HeadlessSetup;
    const room = await enterRoom(around, setup);
    let said = '';
    let isMeasured = setup.measuredAt === null;
    const send = ({ phase, sentence, rank: place, newMetrics, step, plan }: TabStatus) => {
      const metrics = place === 0 ? newMetrics : [];
      if (!isMeasured && step >= setup.measuredAt!) {
        isMeasured = true;
        void opening.then((rank) => postTrace(rank, post));
      }
      const saying = `${phase} ${sentence}`;
      if (saying === said && metrics.length === 0) return;
      said = saying;
      // why: if a status does not arrive, the next awaited post fails
      post('status', JSON.stringify({ phase, sentence, metrics, step, plan } satisfies RankStatus)).catch(() => {});
    };
    const opening = around.openRank(room, send);
    const rank = await opening;
    const { unitMs } = setup.handicap;
    rank.handicap({ ...setup.handicap, unitMs: setup.unitMsByRank[around.index] ?? unitMs });
    const options = await startOptions(around, setup, room.self);
    const training = new AbortController();
    // why one rank: all end when one does, and a browser has six connections to a server, which the tabs share; each
    // waiting request of a tab takes one
    if (around.index === 0) void obey(around, training.signal, rank);
    const result = await rank.start(options).finally(() => training.abort());
    await post('trace', JSON.stringify(onWallClock(result)));
    await report({ ...reportOf(result), peakRssBytes: around.peakRssBytes?.() ?? null, sentence: '' });
  } catch (error) {
    await report({ ...FAILED, end: 'failed', sentence: sentenceOf(error) });
  }
}

/** Posts the trace so far. If that fails, the next awaited post fails too. */
async function postTrace(rank: Rank, post: (name: string, body: string) => Promise<void>): Promise<void> {
  post('measured', JSON.stringify(onWallClock(await rank.traced()))).catch(() => {});
}

/** Asks the command line repeatedly for orders. The server keeps each request open for a while. */
async function obey({ desk, index }: Surroundings, signal: AbortSignal, rank: Rank): Promise<void> {
  try {
    while (!signal.aborted) {
      const response = await askDesk(`${desk}/orders?index=${index}`, 'the orders', { signal });
      const { end, plan } = (await response.json()) as Orders;
      if (plan) rank.switchPlan(plan);
      if (end) {
        rank.end();
        return;
      }
    }
  } catch (error) {
    // why not an error: a rank whose training has ended stops asking, and a command line that is gone has no orders
    if (!(error instanceof StorageError)) throw error;
  }
}

async function enterRoom(
  { desk, index, connectSocket, connectPeer, near }: Surroundings,
  setup: HeadlessSetup,
): Promise<Room> {
  const machine = await near?.machineOf(setup.secret);
  const presence: Presence = {
    peer: newPeerId(),
    name: `rank ${index}`,
    adapter: '',
    state: 'observer',
    hidden: false,
    build: BUILD,
    run: '',
    index,
    ...(machine !== undefined && { machine }),
  };
  const url = new URL(SIGNALING_PATH, desk);
  url.protocol = 'ws:';
  const room = await deriveRoom(setup.secret);
  const signaling = new SocketSignaling({ url: url.href, room, presence, connect: connectSocket });
  return openRoom({ signaling, presence, loadConnect: async () => connectPeer, ...(near && { near }) });
}

async function startOptions({ desk, index }: Surroundings, setup: HeadlessSetup, self: string): Promise<StartOptions> {
  // why only one: the others take their parts from it, so no other rank holds the whole model
  const init = setup.hasInit && index === 0 ? { init: await fetchBytes(`${desk}/init`, 'the initial weights') } : {};
  return {
    self,
    build: BUILD,
    run: setup.run,
    sources: { [readRunFile(setup.run).data.source]: `${desk}/source` },
    expect: setup.peers,
    sampling: false,
    keepTrace: true,
    ...(setup.limitBytes === null ? {} : { limitBytes: setup.limitBytes }),
    probing: setup.probing,
    balancing: setup.balancing,
    desk: {
      url: desk,
      index,
      delivers: setup.delivers,
      everySteps: setup.everySteps,
      resume: setup.resume,
    },
    ...(setup.tour === null ? {} : { tour: setup.tour }),
    ...init,
  };
}

/** All ranks of one machine have the same wall clock, so their events can share one time axis. */
function onWallClock({ trace, timeOriginMs }: Traced) {
  return trace.map((event) => ({ ...event, t0: event.t0 + timeOriginMs, t1: event.t1 + timeOriginMs }));
}

function reportOf(result: RankResult): Omit<RankReport, 'sentence' | 'peakRssBytes'> {
  const { end, rank, plan, adapter, software, memory, bytesSent, bytesReceived, weightsHash } = result;
  return { end, rank, plan, adapter, software, memory, bytesSent, bytesReceived, weightsHash };
}

/**
 * Posts in order: the report must not arrive before the metrics. After a failed post every later one fails with its
 * error.
 */
function poster({ desk, index }: Surroundings): (name: string, body: string) => Promise<void> {
  let last: Promise<unknown> = Promise.resolve();
  return async (name, body) => {
    last = last.then(() => askDesk(`${desk}/${name}?index=${index}`, `the ${name}`, { method: 'POST', body }));
    await last;
  };
}
