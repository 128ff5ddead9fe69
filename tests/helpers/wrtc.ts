/** Two peers in this process joined by real WebRTC (@roamhq/wrtc) through connectPeer, or through an emulated link. */
import wrtc from '@roamhq/wrtc';
import { type ConnectOptions, connectPeer, type PeerConnection, type Wrtc } from '../../src/net/room/webrtc';
import { type LinkTransport, linkTransport } from '../../src/net/wire/links';
import { present } from './present';

/** Changes a signal on its way (`from` 0 or 1), or drops it by returning undefined. */
export type Rewrite = (signal: unknown, from: 0 | 1) => unknown;

export interface WrtcPair {
  readonly transports: readonly [LinkTransport, LinkTransport];
  readonly connections: readonly [PeerConnection, PeerConnection];
  close(): void;
}

/** Peers 'a' (initiator) and 'b'. Resolves when both transports have their link open. */
export async function wrtcPair(
  rewrite: Rewrite = (signal) => signal,
  given: Partial<ConnectOptions> = {},
): Promise<WrtcPair> {
  const connections: PeerConnection[] = [];
  const make = (from: 0 | 1) =>
    connectPeer({
      initiator: from === 0,
      wrtc: wrtc as unknown as Wrtc,
      ...given,
      onSignal: (data) => {
        const signal = rewrite(JSON.parse(JSON.stringify(data)), from);
        if (signal !== undefined) setImmediate(() => connections[1 - from]!.signal(signal));
      },
    });
  connections.push(make(0), make(1));
  const [a, b] = connections as [PeerConnection, PeerConnection];
  const transports = [linkTransport({ self: 'a' }), linkTransport({ self: 'b' })] as const;
  transports[0].addLink('b', a.bulk, a.control);
  transports[1].addLink('a', b.bulk, b.control);
  await Promise.all([a.connected, b.connected, ...transports.map(present)]);
  return {
    transports,
    connections: [a, b],
    close() {
      for (const transport of transports) transport.close();
      for (const connection of connections) connection.close();
    },
  };
}
