/**
 * openTab: the room of the link (this browser, and the signaling server where there is one) and the training Worker, whose
 * engine is loaded when the tab takes part.
 */
import { proxy, type Remote } from 'comlink';
import { notLoaded, ProtocolError } from '../errors';
import { sharedBroker } from '../net/room/broker';
import { openRoom } from '../net/room/room';
import { BUILD } from '../net/signaling/build';
import { openSignaling } from '../net/signaling/opensignaling';
import { cleanName } from '../net/signaling/presence';
import { newPeerId } from '../net/signaling/roomkey';
import type { Presence } from '../net/signaling/signaling';
import { builtInText } from '../train/data/texts';
import { hashRunFile, sha256 } from '../train/hash';
import type { RunFile } from '../train/runfile';
import { IDLE, type StartOptions } from './api';
import { bridge } from './bridge';
import type { OpenTab, Tab, TrainOptions } from './client';
import type { WorkerEngine } from './engine';
import { keptRun } from './kept/keptrun';
import { roomFolder } from './kept/slots';
import { machineOf, pageOf } from './machine';
import { sourceBytes } from './sources';
import { WatchedMember } from './watch/watchedmember';

/** Maximum wait for the room: a network that does not answer must not keep people from training alone. */
const MEET_WITHIN_MS = 3_000;

const DROPPED = 'The lecturer dropped this tab, as if it had died: reload the page to come back.';

export const openTab: OpenTab = async (options) => {
  const machine = await machineOf(options.secret);
  const presence: Presence = {
    peer: newPeerId(),
    name: cleanName(options.name),
    adapter: '',
    state: 'observer',
    hidden: document.hidden,
    build: BUILD,
    run: '',
    ...(machine && { machine }),
  };
  const broker = sharedBroker();
  const room = openRoom({
    signaling: await openSignaling(options, presence),
    presence,
    loadConnect: async () => (await import('../net/room/webrtc')).connectPeer,
    ...(broker && { near: { broker, page: pageOf() } }),
  });
  let rank: Remote<WorkerEngine> | undefined;
  const member = new WatchedMember({
    room,
    onStatus: options.onStatus,
    onOrder: options.onOrder,
    vanish(last) {
      // why the Worker first: its channels then break in the middle of its work, as in a death
      trainer.close();
      end();
      if (last) options.onStatus({ ...last, newMetrics: [], phase: 'failed', sentence: DROPPED });
    },
  });
  const trainer = bridge(room, member);
  room.onRoster(options.onRoster);
  if (options.onTrouble) room.onTrouble(options.onTrouble);

  const onVisibility = () => room.announce({ hidden: document.hidden });
  document.addEventListener('visibilitychange', onVisibility);
  const leave = () => {
    room.close();
    trainer.close();
  };
  // The last thing a closing tab does: others learn of it in milliseconds instead of seconds.
  addEventListener('pagehide', leave, { once: true });

  const end = () => {
    removeEventListener('pagehide', leave);
    document.removeEventListener('visibilitychange', onVisibility);
    leave();
  };
  const loadRank = async () => {
    rank = await trainer.rank();
    member.setRank(rank);
    return rank;
  };

  const trained = () => {
    if (!rank) throw new ProtocolError('nothing has been trained in this tab yet');
    return rank;
  };

  const tab: Tab = {
    self: room.self,
    met: Promise.race([room.met, new Promise<void>((resolve) => setTimeout(resolve, MEET_WITHIN_MS))]),
    probe: () => trainer.probe(),
    train(run, given = {}) {
      Promise.all([loadRank(), startOptions(room.self, run, roomFolder(options.secret), given)]).then(
        // A failure of the run has its own status; nobody else needs to know.
        ([loaded, start]) => loaded.start(start).catch(() => {}),
        (error: Error) => member.status({ ...IDLE, phase: 'failed', sentence: trainingNotLoaded(error) }),
      );
    },
    kept: async () => keptRun(await roomFolder(options.secret)),
    keep: () => void rank?.keep(),
    pause: (paused) => void rank?.pause(paused),
    stop: () => void rank?.stop(),
    switchPlan: (plan) => void rank?.switchPlan(plan),
    allow: (approximate) => void rank?.allow(approximate),
    handicap: member.slow,
    rename: (name) => room.announce({ name: cleanName(name) }),
    vote: (to, vote) => room.order(to, vote),
    hashOf: hashRunFile,
    async download() {
      return trained().files();
    },
    talk: {
      lacking: async (text) => trained().lacking(text),
      answer: async (wish, onSaid) => trained().ask(wish, proxy(onSaid)),
      stop: () => void rank?.hush(),
      close: () => void rank?.listen(false),
      listen: () => void rank?.listen(true),
    },
    close() {
      void rank?.close();
      end();
    },
  };
  return tab;
};

const trainingNotLoaded = (error: Error) => `${notLoaded('What training needs', error)} Press the button again then.`;

async function startOptions(
  self: string,
  run: RunFile | null,
  folder: Promise<string>,
  { text, heldOut, init, goOn = false }: TrainOptions,
): Promise<StartOptions> {
  const bytes = typeof text === 'string' ? await sourceBytes(text, heldOut) : text;
  const named = run && bytes ? { ...run, data: { ...run.data, sha256: await sha256(bytes) } } : run;
  return {
    self,
    build: BUILD,
    run: named ? JSON.stringify(named) : '',
    sources: { ...builtInSources(), ...(named && bytes && { [named.data.source]: bytes }) },
    ...(init && { init }),
    keep: { room: await folder, goOn },
    sampling: true,
    balancing: true,
    keepTrace: false,
  };
}

function builtInSources(): Record<string, string> {
  const url = (source: string) => new URL(builtInText(source)!, document.baseURI).href;
  return { 'moby-dick': url('moby-dick'), names: url('names') };
}
