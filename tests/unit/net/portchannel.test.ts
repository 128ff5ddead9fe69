/** Channels over ports: frames arrive as they were, buffers of one page come back and are used again, ends are told. */
import { expect, test, vi } from 'vitest';
import { MAX_FRAME_BYTES } from '../../../src/net/wire/frames';
import { PortChannel } from '../../../src/net/wire/portchannel';

/** Ports of one process that show what was posted; what one posts the other is given at once. */
class FakePort {
  other: FakePort | undefined;
  onmessage: ((event: MessageEvent) => void) | null = null;
  onmessageerror: (() => void) | null = null;
  readonly posted: unknown[] = [];
  isClosed = false;

  addEventListener(): void {}
  postMessage(message: unknown): void {
    this.posted.push(message);
    if (!this.isClosed) this.other?.onmessage?.({ data: message } as MessageEvent);
  }
  close(): void {
    this.isClosed = true;
  }
}

function pair(isOneProcess: boolean) {
  const ports = [new FakePort(), new FakePort()] as const;
  ports[0].other = ports[1];
  ports[1].other = ports[0];
  const channels = ports.map((port) => new PortChannel(port as unknown as MessagePort, isOneProcess));
  return { ports, a: channels[0]!, b: channels[1]! };
}

const bytesOf = (data: unknown) =>
  data instanceof ArrayBuffer
    ? new Uint8Array(data)
    : new Uint8Array((data as Uint8Array).buffer, 0, (data as Uint8Array).byteLength);

test.each([true, false])('frames of every size arrive as they were; in one process: %s', (isOneProcess) => {
  const { a, b } = pair(isOneProcess);
  const received: Uint8Array[] = [];
  b.onmessage = ({ data }) => received.push(bytesOf(data).slice());
  const frames = [1, 4095, 4096, MAX_FRAME_BYTES].map((size, i) => new Uint8Array(size).fill(i + 1));
  for (const frame of frames) a.send(frame);
  expect(received.map((frame, i) => Buffer.compare(frame, frames[i]!))).toEqual([0, 0, 0, 0]);
});

test('in one process the buffer of a released frame carries the next one', () => {
  const { ports, a, b } = pair(true);
  b.onmessage = ({ data }) => b.release((data as Uint8Array).buffer as ArrayBuffer);
  const frame = new Uint8Array(60_000);
  for (let i = 0; i < 5; i++) a.send(frame);
  const lent = ports[0].posted.map((message) => (message as { lent: ArrayBuffer }).lent);
  expect(lent).toHaveLength(5);
  expect(new Set(lent).size).toBe(1);
});

test('between processes nothing is given back, and a released buffer is freed', () => {
  const { ports, a, b } = pair(false);
  const received: ArrayBuffer[] = [];
  b.onmessage = ({ data }) => received.push(data as ArrayBuffer);
  a.send(new Uint8Array(60_000));
  b.release(received[0]!);
  expect(ports[1].posted).toEqual([]);
  // Node 20 has no ArrayBuffer.prototype.transfer: there the garbage collector frees it
  expect(received[0]!.byteLength).toBe('transfer' in ArrayBuffer.prototype ? 0 : 60_000);
});

test('closing one end closes the other, once, and ends what it sends', () => {
  const { ports, a, b } = pair(true);
  const closed = vi.fn();
  b.onclose = closed;
  b.onmessage = vi.fn();
  a.close();
  a.close();
  expect([a.readyState, b.readyState]).toEqual(['closed', 'closed']);
  expect(closed).toHaveBeenCalledTimes(1);
  expect(ports[1].isClosed).toBe(true);
  ports[1].onmessage?.({ data: new ArrayBuffer(4) } as MessageEvent);
  expect(b.onmessage).not.toHaveBeenCalled();
});

test.each([[null], [7], ['x'], [{}], [{ lent: new ArrayBuffer(8), sizeBytes: 9 }], [{ lent: 'x', sizeBytes: 1 }]])(
  'what is no frame (%j) reaches the link as none, and throws nothing',
  (message) => {
    const { ports, b } = pair(true);
    const received: unknown[] = [];
    b.onmessage = ({ data }) => received.push(data);
    ports[1].onmessage!({ data: message } as MessageEvent);
    expect(received.map((data) => data ?? undefined)).toEqual([undefined]);
  },
);
