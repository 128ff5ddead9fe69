/**
 * Connects two peers with simple-peer and returns the two data channels of a link at once, so that a page can transfer
 * them to its Worker in the same task. The only file that uses simple-peer. Sends no bulk bytes itself.
 */
import SimplePeer from 'simple-peer';
import { ConnectError } from '../../errors';
import { Listeners } from '../../listeners';
import { MAX_FRAME_BYTES } from '../wire/frames';
import { type Connection, NO_WAY } from './connection';
import { type AttemptFacts, whyApart } from './whyapart';

/** Fixed stream ids of the negotiated channels; simple-peer's own in-band channel takes the first free one. */
const BULK_ID = 100;
const CONTROL_ID = 101;
const CONNECT_MS = 15_000;
/** Error of STUN and TURN: wrong credentials. */
const UNAUTHORIZED = 401;

/** RTCPeerConnection and related classes where they are not global: @roamhq/wrtc in Node. */
export type Wrtc = NonNullable<NonNullable<ConstructorParameters<typeof SimplePeer>[0]>['wrtc']>;

export interface ConnectOptions {
  /** True at exactly one of the two ends. */
  readonly initiator: boolean;
  /** Called with the data to pass to `signal` of the other end: offer, answer, candidates. Plain JSON. */
  readonly onSignal: (data: unknown) => void;
  /** STUN and TURN servers to ask. Without any, the addresses of this machine are the only candidates. */
  readonly iceServers?: readonly RTCIceServer[];
  readonly wrtc?: Wrtc;
  readonly timeoutMs?: number;
}

/** simple-peer's own channel: ordered and reliable. It stays in the page that opened the connection. */
interface Talk {
  /** Send one message of at most MAX_FRAME_BYTES. Dropped before the connection is open and after its end. */
  send(message: string | Uint8Array): void;
  /** Bytes that `send` has accepted and that are not yet on the network. */
  readonly bufferedBytes: number;
  /** Texts arrive as texts, bytes as bytes. Data from the network. */
  onMessage(listener: (message: string | Uint8Array) => void): void;
}

export interface PeerConnection extends Connection {
  /** Both channels are ordered, reliable, negotiated and still opening. Transferable only in the task of the call. */
  readonly bulk: RTCDataChannel;
  readonly control: RTCDataChannel;
  readonly talk: Talk;
}

/** Start connecting with a new connection. Asks no STUN or TURN server but those of `iceServers`. */
export function connectPeer(options: ConnectOptions): PeerConnection {
  const peer = new SimplePeer({
    initiator: options.initiator,
    config: { iceServers: [...(options.iceServers ?? [])] },
    // why: keeps message boundaries, and keeps texts as texts
    objectMode: true,
    ...(options.wrtc ? { wrtc: options.wrtc } : {}),
  });
  const listeners = new Listeners<[reason: string]>();
  let closed: string | undefined;
  let fail: (error: ConnectError) => void = () => {};
  const end = (reason: string) => {
    if (closed !== undefined) return;
    closed = reason;
    clearTimeout(timer);
    fail(new ConnectError(`no connection to the peer: ${reason}`));
    peer.destroy();
    listeners.tell(reason);
  };
  // why first: simple-peer throws an error event that has no listener
  peer.on('error', ({ message }) => end(/ice connection failed/i.test(message) ? unconnected(message) : message));
  peer.on('close', () => end('it was closed'));
  peer.on('signal', (data) => options.onSignal(data));
  const connection = connectionOf(peer);
  const channel = (label: string, id: number) => {
    const made = connection.createDataChannel(label, { negotiated: true, id, ordered: true });
    made.binaryType = 'arraybuffer';
    return made;
  };
  const bulk = channel('bulk', BULK_ID);
  const control = channel('control', CONTROL_ID);
  const timeoutMs = options.timeoutMs ?? CONNECT_MS;
  let hasOthers = false;
  const facts = watchAttempt(connection, (options.iceServers ?? []).length > 0);
  /** The reason of a failure to connect: what it tells about the network, else `reason`. */
  const unconnected = (reason: string) => {
    const why = peer.connected ? undefined : whyApart({ ...facts(), hasOthers });
    return why ? `${NO_WAY}${why}` : reason;
  };
  const timer = setTimeout(() => end(unconnected(`not connected within ${timeoutMs / 1000} s`)), timeoutMs);
  const connected = new Promise<void>((resolve, reject) => {
    fail = reject;
    peer.on('connect', () => {
      clearTimeout(timer);
      const maxMessageBytes = connection.sctp?.maxMessageSize ?? MAX_FRAME_BYTES;
      if (maxMessageBytes > 0 && maxMessageBytes < MAX_FRAME_BYTES) {
        end(`it takes messages of ${maxMessageBytes} bytes, ${MAX_FRAME_BYTES} are needed`);
      } else resolve();
    });
  });
  // why: a caller that only uses the channels need not await it
  connected.catch(() => {});
  return {
    bulk,
    control,
    connected,
    talk: {
      send(message) {
        if (peer.connected) peer.send(message);
      },
      get bufferedBytes() {
        return peer.connected ? peer.bufferSize : 0;
      },
      onMessage: (listener) => void peer.on('data', (data: string | Uint8Array) => listener(data)),
    },
    signal(data) {
      if (closed !== undefined) return;
      if (typeof data === 'object' && data !== null && 'candidate' in data) hasOthers = true;
      try {
        peer.signal(data as SimplePeer.SignalData);
      } catch (error) {
        end(`it sent signaling that cannot be used (${(error as Error).message})`);
      }
    },
    onClose(listener) {
      if (closed === undefined) listeners.add(listener);
      else listener(closed);
    },
    close: () => end('this peer closed it'),
  };
}

/** Returns the facts so far of an attempt over `connection`. */
function watchAttempt(connection: RTCPeerConnection, hadServer: boolean): () => Omit<AttemptFacts, 'hasOthers'> {
  let [hasAnswer, isRefused] = [false, false];
  connection.addEventListener('icecandidate', ({ candidate }) => {
    if (/ typ (srflx|relay) /.test(candidate?.candidate ?? '')) hasAnswer = true;
  });
  connection.addEventListener('icecandidateerror', ({ errorCode }) => {
    if (errorCode === UNAUTHORIZED) isRefused = true;
  });
  return () => ({
    hadServer,
    hasAnswer,
    isRefused,
    iceState: connection.iceConnectionState,
  });
}

/** The RTCPeerConnection of `peer`. simple-peer has no public accessor; the field is `_pc` in 9.11.1 and its forks. */
function connectionOf(peer: SimplePeer.Instance): RTCPeerConnection {
  return (peer as unknown as { _pc: RTCPeerConnection })._pc;
}
