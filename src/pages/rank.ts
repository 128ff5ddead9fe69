/** The page of a headless rank: no interface. Its fragment names the desk and the rank: `#desk=/headless/...&index=0`. */
import { sharedBroker } from '../net/room/broker';
import { connectPeer } from '../net/room/webrtc';
import { bridge } from '../worker/bridge';
import { runHeadless } from '../worker/headless';
import { machineOf, pageOf } from '../worker/machine';

const broker = sharedBroker();
const fragment = new URLSearchParams(location.hash.slice(1));
await runHeadless({
  desk: new URL(fragment.get('desk') ?? '', location.href).href,
  index: Number(fragment.get('index')),
  connectSocket: (url) => new WebSocket(url),
  connectPeer,
  ...(broker && { near: { broker, page: pageOf(), machineOf } }),
  openRank: (room, onStatus) => bridge(room, { status: onStatus, trace: () => {} }).rank(),
});
