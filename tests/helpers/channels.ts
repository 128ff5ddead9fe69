/** Fake data channels joined in pairs: what one end sends, the other receives in a later microtask, copied. */
import type { Channel } from '../../src/net/wire/link';

export class FakeChannel implements Channel {
  readyState: RTCDataChannelState = 'open';
  binaryType: BinaryType = 'blob';
  other: FakeChannel | undefined;
  /** Frames are dropped while this is set: the cable is cut. */
  isCut = false;
  onopen: ((event: Event) => unknown) | null = null;
  onclose: ((event: Event) => unknown) | null = null;
  onmessage: ((event: MessageEvent) => unknown) | null = null;

  open(): void {
    this.readyState = 'open';
    this.onopen?.(new Event('open'));
  }

  send(data: Uint8Array<ArrayBuffer>): void {
    if (this.readyState !== 'open') throw new Error('the channel is not open');
    this.inject(data.slice().buffer);
  }

  /** Makes the other end receive `data`, whatever it is. */
  inject(data: unknown): void {
    const other = this.other!;
    queueMicrotask(() => {
      if (!this.isCut && other.readyState === 'open') other.onmessage?.({ data } as MessageEvent);
    });
  }

  close(): void {
    if (this.readyState === 'closed') return;
    this.readyState = 'closed';
    queueMicrotask(() => {
      if (this.isCut || this.other!.readyState === 'closed') return;
      this.other!.readyState = 'closed';
      this.other!.onclose?.(new Event('close'));
    });
  }
}

export function channelPair(state: RTCDataChannelState = 'open'): [FakeChannel, FakeChannel] {
  const pair: [FakeChannel, FakeChannel] = [new FakeChannel(), new FakeChannel()];
  for (const channel of pair) channel.readyState = state;
  pair[0].other = pair[1];
  pair[1].other = pair[0];
  return pair;
}
