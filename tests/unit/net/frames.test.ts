/** Frames: round trips, every field checked, and no bytes that make the receiver throw, grow or change its state. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import {
  decodeFrame,
  encodeFrame,
  type Frame,
  FrameType,
  HEADER_BYTES,
  MAX_FRAME_BYTES,
  MAX_MESSAGE_BYTES,
  payloadRoom,
} from '../../../src/net/wire/frames';
import { Link, MAX_VIOLATIONS } from '../../../src/net/wire/link';
import { Reassembly } from '../../../src/net/wire/reassembly';
import { channelPair } from '../../helpers/channels';

const HEADER = {
  type: FrameType.data,
  ackWanted: false,
  generation: 3,
  step: 120,
  message: 7,
  totalBytes: 5,
  offset: 0,
  position: 0,
};

function encode(header: Partial<typeof HEADER>, tag: string, payload: Uint8Array): Uint8Array {
  const view = new DataView(new ArrayBuffer(MAX_FRAME_BYTES));
  const length = encodeFrame(view, { ...HEADER, ...header } as typeof HEADER, tag, payload);
  return new Uint8Array(view.buffer, 0, length).slice();
}

const u32 = fc.integer({ min: 0, max: 0xffffffff });
const tagChars = fc.string({ minLength: 0, maxLength: 80, unit: 'grapheme-ascii' });
const anyTag = fc
  .tuple(u32, u32, tagChars)
  .map(([generation, step, rest]) => `${generation}/${step}/${rest}`.slice(0, 96));

test('what is encoded is decoded, the payload lying at a multiple of four bytes', () => {
  fc.assert(
    fc.property(
      anyTag,
      fc.uint8Array({ maxLength: 300 }),
      u32,
      u32,
      fc.boolean(),
      (tag, payload, message, position, ackWanted) => {
        const totalBytes = payload.length;
        const bytes = encode({ message, position, ackWanted, totalBytes }, tag, payload);
        const frame = decodeFrame(bytes) as Frame;
        expect(frame).toMatchObject({ ...HEADER, tag, message, position, ackWanted, totalBytes });
        expect(frame.payload).toEqual(payload);
        expect(frame.payload.byteOffset % 4).toBe(0);
      },
    ),
  );
});

test('a full frame has exactly the size limit', () => {
  for (const tag of ['1/2/x', `1/2/${'x'.repeat(92)}`]) {
    const room = payloadRoom(tag);
    const bytes = encode({ totalBytes: room }, tag, new Uint8Array(room));
    expect(bytes.length).toBe(MAX_FRAME_BYTES);
    expect(decodeFrame(bytes)).toMatchObject({ tag, totalBytes: room });
  }
});

const valid = encode({}, '3/120/x', Uint8Array.of(1, 2, 3, 4, 5));
const changed = (at: number, value: number) => {
  const bytes = valid.slice();
  bytes[at] = value;
  return bytes;
};

test.each([
  ['too short', valid.subarray(0, HEADER_BYTES - 1), 'a frame of 31 bytes'],
  ['too long', new Uint8Array(MAX_FRAME_BYTES + 1), 'a frame of 65537 bytes'],
  ['another version', changed(0, 9), 'protocol version 9'],
  ['an unknown type', changed(1, 7), 'frame type 7'],
  ['a tag beyond the frame', changed(2, 96), 'a tag of 96 bytes in a frame of 45'],
  ['a tag beyond the limit', changed(2, 97), 'a tag of 97 bytes in a frame of 45'],
  ['unknown flags', changed(3, 2), 'unknown flags'],
  ['4 GiB', changed(19, 0xff), `a message of ${0xff000000 + 5} bytes`],
  ['more than its total', changed(16, 4), 'a message longer than its 4 bytes'],
  ['an offset beyond its total', changed(20, 1), 'a message longer than its 5 bytes'],
  ['a tag of control characters', changed(33, 10), 'a tag that is not printable ASCII'],
  ['a bye with payload', changed(1, FrameType.bye), 'a payload where none is due'],
])('refuses %s', (_, bytes, why) => expect(decodeFrame(bytes)).toBe(why));

test('reassembly joins frames in order and refuses anything between', () => {
  const part = (message: number, offset: number, ...payload: number[]) =>
    decodeFrame(encode({ message, offset, totalBytes: 4 }, '3/120/x', Uint8Array.from(payload))) as Frame;
  const reassembly = new Reassembly(() => {});
  expect(reassembly.add(part(1, 0, 1, 2))).toBeUndefined();
  expect(reassembly.add(part(1, 2, 3, 4))).toEqual(Uint8Array.of(1, 2, 3, 4));
  expect(reassembly.add(part(2, 2, 3, 4))).toBe('the middle of a message');
  expect(reassembly.add(part(3, 0, 1, 2))).toBeUndefined();
  expect(reassembly.add(part(4, 0, 1, 2, 3, 4))).toBe('a frame that does not continue the open message');
  expect(reassembly.add(part(5, 0, 1, 2, 3, 4))).toEqual(Uint8Array.of(1, 2, 3, 4));
});

/** A frame with a few bytes changed, cut off or added: what a faulty or hostile peer may send. */
const mutated = fc
  .record({
    tag: anyTag,
    payload: fc.uint8Array({ maxLength: 64 }),
    totalBytes: fc.oneof(fc.constant(-1), u32),
    offset: fc.oneof(fc.constant(0), fc.integer({ min: 0, max: 128 })),
    type: fc.integer({ min: 0, max: 7 }),
    changes: fc.array(fc.tuple(fc.nat(140), fc.nat(255)), { maxLength: 3 }),
    length: fc.option(fc.nat(200), { nil: undefined }),
  })
  .map(({ tag, payload, totalBytes, offset, type, changes, length }) => {
    const header = { type, offset, totalBytes: totalBytes < 0 ? payload.length : totalBytes } as Partial<typeof HEADER>;
    const bytes = encode(header, tag, payload);
    for (const [at, value] of changes) if (at < bytes.length) bytes[at] = value;
    return length === undefined ? bytes : bytes.slice(0, length);
  });
const anything = fc.oneof(mutated, fc.uint8Array({ maxLength: 200 }), fc.string(), fc.constant(null));

test('random and mutated frames never throw, are never kept beyond their bytes, and end the link above 20 violations', () => {
  const origin = { deliver: 0, lost: [] as string[], delivered: 0, received: 0 };
  const uncaught: unknown[] = [];
  fc.assert(
    fc.property(fc.array(fc.tuple(fc.boolean(), anything), { maxLength: 60 }), (messages) => {
      const [bulk] = channelPair();
      const [control] = channelPair();
      const lost: string[] = [];
      const link = new Link('p', bulk, control, 'direct', {
        deliver(_tag, _generation, payload) {
          origin.delivered += payload.byteLength;
          return 'kept';
        },
        opened() {},
        heard() {},
        bye() {},
        said() {},
        suspect() {},
        lost: (reason) => lost.push(reason),
      });
      for (const [isBulk, message] of messages) {
        const data = message instanceof Uint8Array ? message.slice().buffer : message;
        if (message instanceof Uint8Array) origin.received += message.byteLength;
        try {
          (isBulk ? bulk : control).onmessage?.({ data } as MessageEvent);
        } catch (error) {
          uncaught.push(error);
        }
      }
      expect(link.stats.dropped).toBeLessThanOrEqual(MAX_VIOLATIONS + 1);
      expect(lost.length).toBeLessThanOrEqual(1);
      if (link.stats.dropped > MAX_VIOLATIONS) expect(lost[0]).toMatch('broke the protocol 21 times');
    }),
    // about 30 frames each; `npm run test:hostile` sends a million
    { numRuns: Math.max(2000, Number(process.env.TABTRAIN_HOSTILE ?? 0) / 30), seed: 1 },
  );
  expect(uncaught).toEqual([]);
  expect(origin.delivered).toBeLessThanOrEqual(origin.received);
});

test('a claim of 256 MB allocates nothing before the bytes come', () => {
  const reassembly = new Reassembly(() => {});
  const before = process.memoryUsage().arrayBuffers;
  const frame = encode({ totalBytes: MAX_MESSAGE_BYTES }, '3/120/x', new Uint8Array(8));
  reassembly.add(decodeFrame(frame) as Frame);
  expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(1 << 20);
});
