/** What watching pages say over a relayed link: whole messages in order, and a sender that knows what is on its way. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { RelayTalk, watchAddress } from '../../../src/net/relay/relaytalk';
import { MAX_FRAME_BYTES } from '../../../src/net/wire/frames';
import type { Channel } from '../../../src/net/wire/link';

/** One end of a channel; what is sent waits in `queue` until `deliver`. */
class End implements Channel {
  readyState: RTCDataChannelState = 'connecting';
  binaryType: BinaryType = 'arraybuffer';
  onopen: Channel['onopen'] = null;
  onclose: Channel['onclose'] = null;
  onmessage: Channel['onmessage'] = null;
  readonly queue: ArrayBuffer[] = [];
  other!: End;

  send(data: Uint8Array<ArrayBuffer>): void {
    if (data.length > MAX_FRAME_BYTES) throw new Error(`${data.length} bytes are no frame`);
    this.queue.push(data.slice().buffer);
  }
  deliver(data = this.queue.shift()): void {
    if (data) this.other.onmessage?.(new MessageEvent('message', { data }));
  }
  open(): void {
    this.readyState = 'open';
    this.onopen?.(new Event('open'));
  }
  /** As a relayed channel does: no event here. */
  close(): void {
    this.readyState = 'closed';
    this.other.end();
  }
  end(): void {
    this.readyState = 'closed';
    this.onclose?.(new Event('close'));
  }
}

const ends = () => {
  const [a, b] = [new End(), new End()];
  [a.other, b.other] = [b, a];
  return [a, b] as const;
};

async function talking() {
  const [bulk, control] = [ends(), ends()];
  const [a, b] = [new RelayTalk(bulk[0], control[0]), new RelayTalk(bulk[1], control[1])];
  const heard: (string | Uint8Array)[] = [];
  b.onMessage((message) => heard.push(message));
  for (const channel of [...bulk, ...control]) channel.open();
  await Promise.all([a.opened, b.opened]);
  const deliver = () => {
    while (bulk[0].queue.length > 0) bulk[0].deliver();
  };
  const acknowledge = () => {
    while (control[1].queue.length > 0) control[1].deliver();
  };
  return { a, b, bulk, control, heard, deliver, acknowledge };
}

test('texts and bytes of every length arrive whole and in order', async () => {
  const { a, heard, deliver } = await talking();
  const lengths = fc.constantFrom(0, 1, 100, MAX_FRAME_BYTES - 2, MAX_FRAME_BYTES - 1, MAX_FRAME_BYTES, 200_000);
  const messages = fc.array(fc.record({ isText: fc.boolean(), length: lengths }), { maxLength: 5 });
  fc.assert(
    fc.property(messages, (all) => {
      heard.length = 0;
      const sent = all.map(({ isText, length }, at) =>
        isText ? String(at).repeat(length) : new Uint8Array(length).fill(at),
      );
      for (const message of sent) a.send(message);
      deliver();
      // why not toEqual: it takes seconds for megabytes
      expect(heard.map((message) => typeof message)).toEqual(sent.map((message) => typeof message));
      const bytes = (all: readonly (string | Uint8Array)[]) => all.map((message) => Buffer.from(message as string));
      expect(heard.length).toBe(sent.length);
      const [got, wanted] = [bytes(heard), bytes(sent)];
      expect(got.every((one, at) => one.equals(wanted[at]!))).toBe(true);
    }),
    { numRuns: 50 },
  );
});

test('the sender knows what the other end does not have yet', async () => {
  const { a, bulk, deliver, acknowledge } = await talking();
  a.send(new Uint8Array(100_000));
  expect(a.bufferedBytes).toBe(100_002);
  bulk[0].deliver();
  expect(a.bufferedBytes).toBe(100_002);
  acknowledge();
  expect(a.bufferedBytes).toBe(100_002 - MAX_FRAME_BYTES);
  deliver();
  acknowledge();
  expect(a.bufferedBytes).toBe(0);
});

test('what the other end claims to have counts up to what was sent, and only grows', async () => {
  const { a, control } = await talking();
  a.send(new Uint8Array(99));
  const claim = (bytes: number) => {
    const said = new Uint8Array(8);
    new DataView(said.buffer).setFloat64(0, bytes);
    control[1].deliver(said.buffer);
    return a.bufferedBytes;
  };
  expect([1000, Number.NaN, -1, 40, 10, 100].map(claim)).toEqual([100, 100, 100, 60, 60, 0]);
  control[1].deliver(new ArrayBuffer(3));
  expect(a.bufferedBytes).toBe(0);
});

test.each<[string, (bulk: End) => void]>([
  ['an empty piece', (bulk) => bulk.deliver(new ArrayBuffer(0))],
  [
    'a message without an end',
    (bulk) => {
      for (let n = 0; n < 6; n++) bulk.deliver(new Uint8Array(MAX_FRAME_BYTES).fill(2).buffer);
    },
  ],
])('%s ends the talk on both ends', async (_, attack) => {
  const { a, b, bulk } = await talking();
  const reasons: string[] = [];
  a.onClose((reason) => reasons.push(`a ${reason}`));
  b.onClose((reason) => reasons.push(`b ${reason}`));
  attack(bulk[0]);
  expect(reasons.sort()).toEqual(['a the relay has ended', 'b it broke the protocol']);
  a.send('late');
  expect(bulk[0].queue).toEqual([]);
  expect(a.bufferedBytes).toBe(0);
});

test("the page's socket says that it is for watching", () => {
  const { url, hello } = watchAddress({ url: 'ws://host/relay', hello: '{"v":1,"peer":"a"}' });
  expect([url, JSON.parse(hello)]).toEqual(['ws://host/relay', { v: 1, peer: 'a', use: 'watch' }]);
});
