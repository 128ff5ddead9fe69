/** The training side of a Node process: Dawn in place of the browser's WebGPU, @roamhq/wrtc in place of its WebRTC. */
import { WebSocket } from 'ws';
import { CapabilityError, sentenceOf } from '../../errors';
import { RelayClient, type RelaySocketLike } from '../../net/relay/relayclient';
import type { Room } from '../../net/room/room';
import { type ConnectOptions, connectPeer, type PeerConnection, type Wrtc } from '../../net/room/webrtc';
import type { RoomPort } from '../../worker/api';
import { WorkerEngine } from '../../worker/engine';
import { openDawn } from '../machine/dawn';
import { fileStore } from '../machine/tunestore';

/** connectPeer for Node. Throws CapabilityError where @roamhq/wrtc has no binary for this machine. */
export async function nodeConnect(): Promise<(options: ConnectOptions) => PeerConnection> {
  try {
    const wrtc = (await import('@roamhq/wrtc')).default as unknown as Wrtc;
    return (options) => connectPeer({ ...options, wrtc });
  } catch (error) {
    throw new CapabilityError(
      'E-NO-WEBRTC',
      `WebRTC cannot be used in Node on this machine (${sentenceOf(error)}): open the link in a browser instead.`,
    );
  }
}

/** An engine that is joined to `room`. Throws CapabilityError if this machine has no adapter. */
export async function openNodeEngine(room: Room, hearing: Pick<RoomPort, 'status' | 'trace'>): Promise<WorkerEngine> {
  const rank = new WorkerEngine(
    room.self,
    {
      send: (to, message) => room.send(to, message),
      // why: a program has no other pages to pass ports to
      want: (peers) => room.want(peers, 'webrtc'),
      renew: (peer) => room.renew(peer),
      announce: (change) => room.announce(change),
      status: (status) => hearing.status(status),
      trace: (pack, lost) => hearing.trace(pack, lost),
    },
    await openDawn(),
    fileStore(),
  );
  const relay = new RelayClient((url) => new WebSocket(url) as unknown as RelaySocketLike);
  room.onChannels((channels) => {
    const { peer, kind } = channels;
    if (kind === 'direct') rank.addLink(peer, channels.bulk, channels.control);
    else if (kind === 'relayed') {
      const { bulk, control } = relay.pair(channels.relay, peer, channels.keys);
      rank.addLink(peer, bulk, control, kind);
    }
  });
  room.onUnlinked((peer, reason) => rank.unlinked(peer, reason));
  room.onMessage((from, message) => rank.receive(from, message));
  room.onRoster((roster) => rank.setRoster([...roster.values()]));
  return rank;
}
