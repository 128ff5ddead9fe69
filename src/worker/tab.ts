/** openTab: the room of the link (this browser, and the signaling server where there is one) joined to a training Worker. */
import { BroadcastSignaling } from '../net/broadcastsignaling';
import { BUILD } from '../net/build';
import { MergedSignaling } from '../net/mergedsignaling';
import { cleanName } from '../net/presence';
import { openRoom } from '../net/room';
import { deriveRoom, newPeerId } from '../net/roomkey';
import type { Presence, Signaling } from '../net/signaling';
import { SocketSignaling } from '../net/socketsignaling';
import { connectPeer } from '../net/webrtc';
import { builtInText } from '../train/texts';
import { bridge } from './bridge';
import type { OpenTab, Tab, TabOptions } from './client';
import { Publisher } from './publisher';
import { NO_HANDICAP } from './telemetry';

export const openTab: OpenTab = async (options) => {
  const presence: Presence = {
    peer: newPeerId(),
    name: cleanName(options.name),
    adapter: '',
    state: 'observer',
    hidden: document.hidden,
    build: BUILD,
    run: '',
  };
  const room = openRoom({ signaling: await openSignaling(options, presence), presence, connect: connectPeer });
  const joined = bridge(room, {
    status: (status) => {
      options.onStatus(status);
      publisher.status(status);
    },
    trace: (pack, lost) => publisher.trace(pack, lost),
  });
  const publisher = new Publisher({
    watch: (every) => void joined.then(({ rank }) => rank.watch(every)),
    now: () => performance.timeOrigin + performance.now(),
    adapter: () => room.roster.get(room.self)?.adapter ?? '',
    handicap: () => NO_HANDICAP,
  });
  room.onWatchLink((link) => publisher.add(link));
  const { rank, close } = await joined;
  room.onRoster(options.onRoster);
  if (options.onTrouble) room.onTrouble(options.onTrouble);

  const onVisibility = () => room.announce({ hidden: document.hidden });
  document.addEventListener('visibilitychange', onVisibility);
  const leave = () => {
    room.close();
    close();
  };
  // The last thing a closing tab does: others learn of it in milliseconds instead of seconds.
  addEventListener('pagehide', leave, { once: true });

  const tab: Tab = {
    self: room.self,
    probe: () => rank.probe(),
    train(run, text) {
      const source = run?.data.source ?? '';
      const own = text === undefined ? {} : { [source]: new TextEncoder().encode(text) };
      const sources = { ...builtInSources(), ...own };
      const start = { self: room.self, build: BUILD, run: run ? JSON.stringify(run) : '' };
      // A failure has its own status; there is nobody else to tell.
      rank.start({ ...start, sources, sampling: true, keepTrace: false }).catch(() => {});
    },
    pause: (paused) => void rank.pause(paused),
    stop: () => void rank.stop(),
    switchPlan: (plan) => void rank.switchPlan(plan),
    handicap: (handicap) => void rank.handicap(handicap),
    rename: (name) => room.announce({ name: cleanName(name) }),
    download: () => rank.files(),
    close() {
      removeEventListener('pagehide', leave);
      document.removeEventListener('visibilitychange', onVisibility);
      void rank.close();
      leave();
    },
  };
  return tab;
};

async function openSignaling({ secret, signaling }: TabOptions, presence: Presence): Promise<Signaling> {
  const room = await deriveRoom(secret);
  const here = new BroadcastSignaling({ room, presence, locks: navigator.locks });
  if (signaling === null) return here;
  const server = new SocketSignaling({ url: signaling, room, presence, connect: (url) => new WebSocket(url) });
  return new MergedSignaling([here, server]);
}

function builtInSources(): Record<string, string> {
  const url = (source: string) => new URL(builtInText(source)!, document.baseURI).href;
  return { 'moby-dick': url('moby-dick'), names: url('names') };
}
