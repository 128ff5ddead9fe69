/**
 * One rank of a headless run as a Node process, with Dawn and @roamhq/wrtc in place of the browser's. launch.ts starts
 * it with the address of its desk and its index. It ends when its standard input closes, and so with the process that
 * started it.
 */
import { WebSocket } from 'ws';
import { runHeadless } from '../worker/headless';
import { nodeConnect, openNodeEngine } from './run/nodeengine';

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
  connectPeer: await nodeConnect(),
  // nobody watches a Node rank
  openRank: (room, onStatus) => openNodeEngine(room, { status: onStatus, trace: () => {} }),
});
