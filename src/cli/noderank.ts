/**
 * One rank of a headless run as a Node process, with Dawn and @roamhq/wrtc in place of the browser's. launch.ts starts
 * it with the address of its desk and its index. It ends when its standard input closes, and so with the process that
 * started it.
 */
import { WebSocket } from 'ws';
import { connectPeer, type Wrtc } from '../net/room/webrtc';
import { WorkerEngine } from '../worker/engine';
import { runHeadless } from '../worker/headless';
import { openDawn } from './machine/dawn';
import { fileStore } from './machine/tunestore';

const wrtc = (await import('@roamhq/wrtc')).default as unknown as Wrtc;

const [desk = '', index = '0'] = process.argv.slice(2);
process.stdin.resume().on('end', () => process.exit(0));
// Ctrl-C reaches the whole process group; the command that started the ranks decides when each one ends.
process.on('SIGINT', () => {});

await runHeadless({
  desk,
  index: Number(index),
  // Node counts it in units of 1024 bytes
  peakRssBytes: () => process.resourceUsage().maxRSS * 1024,
  connectSocket: (url) => new WebSocket(url),
  connectPeer: (options) => connectPeer({ ...options, wrtc }),
  async openRank(room, onStatus) {
    const rank = new WorkerEngine(
      room.self,
      {
        send: (to, message) => room.send(to, message),
        want: (peers) => room.want(peers, 'webrtc'),
        renew: (peer) => room.renew(peer),
        announce: (change) => room.announce(change),
        status: onStatus,
        // nobody watches a Node rank
        trace: () => {},
      },
      await openDawn(),
      fileStore(),
    );
    room.onChannels((channels) => {
      if (channels.kind === 'direct') rank.addLink(channels.peer, channels.bulk, channels.control);
    });
    room.onUnlinked((peer, reason) => rank.unlinked(peer, reason));
    room.onMessage((from, message) => rank.receive(from, message));
    room.onRoster((roster) => rank.setRoster([...roster.values()]));
    return rank;
  },
});
