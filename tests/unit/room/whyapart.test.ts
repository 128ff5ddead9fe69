/** The four cases in which WebRTC finds no way, told apart by what one end saw. */
import { expect, test } from 'vitest';
import { type AttemptFacts, whyApart } from '../../../src/net/room/whyapart';

const SEEN: AttemptFacts = {
  hadServer: true,
  hasAnswer: true,
  isRefused: false,
  hasOthers: true,
  iceState: 'checking',
};

test.each<[string, Partial<AttemptFacts>, RegExp | undefined]>([
  ['isolated devices, ICE failed', { iceState: 'failed' }, /does not let devices talk.*--relay/],
  ['isolated devices, still checking', {}, /does not let devices talk/],
  ['isolated devices, closed meanwhile', { iceState: 'closed' }, /does not let devices talk/],
  ['no answer of the server over UDP', { hasAnswer: false }, /UDP packets.*firewall/],
  ['no answer and nothing to check', { hasAnswer: false, iceState: 'new' }, /UDP packets/],
  ['names that are not resolved', { hadServer: false, hasAnswer: false, iceState: 'new' }, /names.*--no-stun/],
  ['a TURN password that has ended', { isRefused: true, hasAnswer: false, iceState: 'new' }, /password.*reload/],
  ['another end that said nothing', { hasOthers: false, iceState: 'new' }, undefined],
])('%s', (_, facts, expected) => {
  const why = whyApart({ ...SEEN, ...facts });
  if (expected) expect(why).toMatch(expected);
  else expect(why).toBeUndefined();
});
