/**
 * A rank of a headless run, the same in a page and in a Node process: asks the command line's server for its setup, trains,
 * and hands back metrics, trace, model and the final report. The other side is cli/headless.ts.
 */

import { sentenceOf } from '../errors';
import type { Room, RoomOptions } from '../net/room/room';
import { openRoom } from '../net/room/room';
import type { ConnectOptions, PeerConnection } from '../net/room/webrtc';
import { BUILD } from '../net/signaling/build';
import { deriveRoom, newPeerId } from '../net/signaling/roomkey';
import { SIGNALING_PATH } from '../net/signaling/signaladdress';
import type { Presence } from '../net/signaling/signaling';
import { type SocketLike, SocketSignaling } from '../net/signaling/socketsignaling';
import { readRunFile } from '../train/runfile';
import type { Handicap, MemoryByRole, RankResult, StartOptions, StepMetrics, TabStatus, Tour } from './api';
import { fetchBytes } from './sources';

export interface RankStatus {
  readonly phase: string;
  readonly sentence: string;
  /** Of rank 0 only: all ranks have the same. */
  readonly metrics: readonly StepMetrics[];
}

export interface RankReport {
  readonly end: 'done' | 'stopped' | 'failed';
  readonly sentence: string;
  readonly rank: number;
  readonly adapter: string;
  readonly software: boolean;
  readonly memory: MemoryByRole | null;
  readonly bytesSent: number;
  readonly bytesReceived: number;
  readonly weightsHash: string;
}

/** What differs between a page and a Node process. */
export interface Surroundings {
  /** `http://host:port/headless/...`, without a slash at the end. */
  readonly desk: string;
  readonly index: number;
  readonly connectSocket: (url: string) => SocketLike;
  readonly connectPeer: (options: ConnectOptions) => PeerConnection;
  /** Of a page: how it reaches the other pages of its browser, and what they have in common in the room of a secret. */
  readonly near?: NonNullable<RoomOptions['near']> & { machineOf(secret: string): Promise<string | undefined> };
  /** Bring the training side up and join it to the room. */
  readonly openRank: (
    room: Room,
    onStatus: (status: TabStatus) => void,
  ) => Promise<{ start(options: StartOptions): Promise<RankResult>; handicap(handicap: Handicap): unknown }>;
}

interface Setup {
  readonly run: string;
  readonly peers: number;
  readonly secret: string;
  readonly limitBytes: number | null;
  readonly hasInit: boolean;
  readonly handicap: Handicap;
  readonly tour: Tour | null;
  readonly probing: boolean;
}

const FAILED = {
  rank: -1,
  adapter: '',
  software: false,
  memory: null,
  bytesSent: 0,
  bytesReceived: 0,
  weightsHash: '',
};

/** Take part from setup to report. Never rejects: what goes wrong is reported, and the run with it. */
export async function runHeadless(around: Surroundings): Promise<void> {
  const post = poster(around);
  try {
    const setup = JSON.parse(new TextDecoder().decode(await fetchBytes(`${around.desk}/setup`, 'the setup'))) as Setup;
    const room = await enterRoom(around, setup);
    let said = '';
    const send = ({ phase, sentence, rank, newMetrics }: TabStatus) => {
      const metrics = rank === 0 ? newMetrics : [];
      const saying = `${phase} ${sentence}`;
      if (saying === said && metrics.length === 0) return;
      said = saying;
      void post('status', JSON.stringify({ phase, sentence, metrics } satisfies RankStatus));
    };
    const rank = await around.openRank(room, send);
    rank.handicap(setup.handicap);
    const result = await rank.start(await startOptions(around, setup, room.self));
    for (const [name, content] of Object.entries(result.files ?? {})) await post(name, content);
    await post('trace', JSON.stringify(onWallClock(result)));
    await post('report', JSON.stringify({ ...reportOf(result), sentence: '' } satisfies RankReport));
  } catch (error) {
    const sentence = sentenceOf(error);
    await post('report', JSON.stringify({ ...FAILED, end: 'failed', sentence } satisfies RankReport));
  }
}

async function enterRoom({ desk, index, connectSocket, connectPeer, near }: Surroundings, setup: Setup): Promise<Room> {
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
  return openRoom({ signaling, presence, connect: connectPeer, ...(near && { near }) });
}

async function startOptions({ desk, index }: Surroundings, setup: Setup, self: string): Promise<StartOptions> {
  // why one: the others take their parts from it, so nobody else holds the model whole
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
    ...(setup.tour === null ? {} : { tour: setup.tour }),
    ...init,
  };
}

/** One machine has one wall clock, so the ranks' events can be put beside each other. */
function onWallClock({ trace, timeOriginMs }: RankResult) {
  return trace.map((event) => ({ ...event, t0: event.t0 + timeOriginMs, t1: event.t1 + timeOriginMs }));
}

function reportOf(result: RankResult): Omit<RankReport, 'sentence'> {
  const { end, rank, adapter, software, memory, bytesSent, bytesReceived, weightsHash } = result;
  return { end, rank, adapter, software, memory, bytesSent, bytesReceived, weightsHash };
}

/** Posts in order: the report must not overtake the metrics. */
function poster({ desk, index }: Surroundings): (name: string, body: string | Uint8Array) => Promise<void> {
  let last: Promise<unknown> = Promise.resolve();
  return async (name, body) => {
    const url = `${desk}/${name}?index=${index}`;
    const bytes = typeof body === 'string' ? body : body.slice();
    // When the server is gone, so is whoever would read this.
    last = last.then(() => fetch(url, { method: 'POST', body: bytes })).catch(() => {});
    await last;
  };
}
