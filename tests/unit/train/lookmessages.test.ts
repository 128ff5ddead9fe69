/** What ranks say to each other at a look: comes back as it was said, and anything else counts as nothing said. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { type LookMessage, lookBytes, readLook, readProbed } from '../../../src/train/trainer/auto/lookmessages';

const passes = { F: 1, I: 2, W: 0.5 };
const SAID: LookMessage = {
  profile: {
    passMs: { embed: passes, block: passes, head: passes },
    launchMs: 0,
    stepMsPerMillion: 3,
    memoryBytes: 4e9,
    hostMs: 1,
    machine: 'm',
  },
  lead: { looks: true, probes: false, news: { why: 'DDP.', offer: '', isAllowed: false } },
};

test('a message comes back as it was said', () => {
  expect(readLook(lookBytes(SAID))).toEqual(SAID);
  expect(readLook(lookBytes({ profile: null, lead: null }))).toEqual({ profile: null, lead: null });
  const links = { latencyMs: 1, bytesPerMs: 2500, deviceBytesPerMs: 2500 };
  expect(readProbed(lookBytes({ links }))).toEqual({ links });
  expect(readProbed(lookBytes({ links, near: links }))).toEqual({ links, near: links });
  const relayed = { links, relayed: links, relayedTo: [0, 3] };
  expect(readProbed(lookBytes(relayed))).toEqual(relayed);
});

test('bytes that are no such message are null, whatever they are', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 60 }), (bytes) => {
      expect(readLook(bytes)).toBeNull();
      expect(readProbed(bytes)).toBeNull();
    }),
  );
  const wrong = (profile: object) =>
    readLook(new TextEncoder().encode(JSON.stringify({ ...SAID, profile: { ...SAID.profile, ...profile } })));
  expect(wrong({ hostMs: -1 })).toBeNull();
  expect(wrong({ memoryBytes: '4e9' })).toBeNull();
  expect(wrong({ machine: 'm'.repeat(65) })).toBeNull();
  expect(
    readProbed(new TextEncoder().encode('{"links":{"latencyMs":1,"bytesPerMs":0,"deviceBytesPerMs":1}}')),
  ).toBeNull();
});
