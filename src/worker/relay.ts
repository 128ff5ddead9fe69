/**
 * A data channel carried over a MessagePort, for browsers that cannot transfer RTCDataChannel to a Worker: the page keeps
 * the channel, the Worker holds a stand-in. Payloads move by transfer, so nothing is copied twice.
 * Delete it when Safari and Firefox ESR transfer data channels (https://github.com/w3c/webrtc-extensions/issues/64).
 */
import type { Channel } from '../net/wire/link';

type Up = { readonly state: RTCDataChannelState } | { readonly data: ArrayBuffer };
type Down = { readonly data: ArrayBuffer } | { readonly close: true };

/** Page side: pump between the channel and the port. */
export function relayChannel(channel: RTCDataChannel, port: MessagePort): void {
  channel.binaryType = 'arraybuffer';
  const say = (message: Up, transfer: Transferable[] = []) => port.postMessage(message, transfer);
  const tell = () => say({ state: channel.readyState });
  channel.onopen = tell;
  channel.onclose = tell;
  channel.onmessage = ({ data }) => {
    if (data instanceof ArrayBuffer) say({ data }, [data]);
  };
  port.onmessage = ({ data }: MessageEvent<Down>) => {
    if ('close' in data) channel.close();
    // A frame sent while the channel closes is dropped; the sender learns of the close itself.
    else if (channel.readyState === 'open') channel.send(data.data);
  };
  tell();
}

/** Worker side: looks like the channel at the other end of `port`. */
export class RelayedChannel implements Channel {
  readyState: RTCDataChannelState = 'connecting';
  binaryType: BinaryType = 'arraybuffer';
  onopen: Channel['onopen'] = null;
  onclose: Channel['onclose'] = null;
  onmessage: Channel['onmessage'] = null;

  constructor(private readonly port: MessagePort) {
    port.onmessage = ({ data }: MessageEvent<Up>) => {
      if ('data' in data) this.onmessage?.(new MessageEvent('message', { data: data.data }));
      else this.#enter(data.state);
    };
  }

  send(data: Uint8Array<ArrayBuffer>): void {
    // The caller may reuse its array at once, and only whole buffers can be transferred.
    const copy = data.slice().buffer;
    this.port.postMessage({ data: copy } satisfies Down, [copy]);
  }

  close(): void {
    this.port.postMessage({ close: true } satisfies Down);
  }

  #enter(state: RTCDataChannelState): void {
    const before = this.readyState;
    this.readyState = state;
    if (state === 'open' && before !== 'open') this.onopen?.(new Event('open'));
    if (state === 'closed' && before !== 'closed') this.onclose?.(new Event('close'));
  }
}
