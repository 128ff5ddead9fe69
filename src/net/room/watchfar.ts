/**
 * The connection between a watching page and a watched one: by WebRTC, and through the server's relay where that is not
 * through after 3 s (connectfar.ts). A page has one socket at the relay for all that it watches or is watched by; loaded
 * where a page watches.
 */
import type { PeerId } from '../../plan/mesh';
import { RelayClient } from '../relay/relayclient';
import { RelayTalk, watchAddress } from '../relay/relaytalk';
import type { RelayAddress } from '../signaling/signaling';
import { connectFar } from './connectfar';
import type { Connection } from './connection';
import type { Attempt } from './linker';
import type { WatchLink } from './watch';
import type { PeerConnection } from './webrtc';

interface WatchOptions extends Pick<Attempt, 'initiator' | 'onSignal'> {
  readonly self: PeerId;
  readonly peer: PeerId;
  readonly connectDirectly: (options: Pick<Attempt, 'initiator' | 'onSignal'>) => PeerConnection;
  /** The relay of this page's server, now. */
  readonly relay: () => RelayAddress | undefined;
  /** Called with each link that opens; one by WebRTC takes over from the relayed one, which closes. */
  readonly onLink: (link: WatchLink) => void;
}

const client = new RelayClient((url) => new WebSocket(url));

export function watchFar(options: WatchOptions): Connection {
  const { self, peer, initiator, onSignal, connectDirectly, relay, onLink } = options;
  let relayed: RelayTalk | undefined;
  const connection: Connection = connectFar({
    self,
    peer,
    initiator,
    onSignal,
    connectDirectly,
    onDirect: ({ connected, talk, onClose }) => {
      connected.then(
        () => {
          onLink({
            peer,
            kind: 'direct',
            send: (message) => talk.send(message),
            onMessage: (listener) => talk.onMessage(listener),
            bufferedBytes: () => talk.bufferedBytes,
            onClose,
          });
          const before = relayed;
          relayed = undefined;
          before?.close('a direct connection has taken over');
        },
        // The linker handles the failure and tries again.
        () => {},
      );
    },
    // why the second: a program has no sockets of this kind
    canRelay: () => relay() !== undefined && typeof WebSocket !== 'undefined',
    onRelayed: (keys) => {
      const { bulk, control } = client.pair(watchAddress(relay()!), peer, keys);
      const talk = new RelayTalk(bulk, control);
      relayed = talk;
      talk.onClose(() => relayed === talk && connection.close());
      void talk.opened.then(() => {
        onLink({
          peer,
          kind: 'relayed',
          send: (message) => talk.send(message),
          onMessage: (listener) => talk.onMessage(listener),
          bufferedBytes: () => talk.bufferedBytes,
          onClose: (listener) => talk.onClose(listener),
        });
      });
    },
  });
  connection.onClose((reason) => {
    const before = relayed;
    relayed = undefined;
    before?.close(reason);
  });
  return connection;
}
