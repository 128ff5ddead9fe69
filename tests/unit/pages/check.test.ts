/** "Check the network": which lines are well, and what each of the others says to do. */
import { expect, test } from 'vitest';
import { findingsOf, type NetworkSeen } from '../../../src/pages/room/check';

const WELL: NetworkSeen = {
  server: { ms: 3.2, megabytesPerSecond: 12.34 },
  addresses: ['192.168.1.7'],
  hadStun: true,
  hadTurn: false,
  isMapped: true,
  isTurned: false,
  isRefused: false,
  relays: true,
  people: [{ name: 'Ada', reach: 'direct' }],
};

test('a network in which all is well gives no advice', () => {
  const findings = findingsOf(WELL);
  expect(findings.map(({ advice }) => advice)).toEqual(findings.map(() => undefined));
  expect(findings[0]!.what).toBe('The server answers in 4 ms, 12.3 MB/s');
});

test.each<[string, Partial<NetworkSeen>, RegExp, RegExp]>([
  ['server', { server: null }, /server does not answer/, /npm start/],
  ['addresses', { addresses: [] }, /no address/, /relay or TURN/],
  ['UDP', { isMapped: false }, /UDP does not reach/, /firewalls/],
  ['no STUN', { hadStun: false, isMapped: false }, /no STUN/, /--no-stun/],
  ['TURN', { hadTurn: true }, /TURN server gives this device no/, /its port is open/],
  ['TURN password', { hadTurn: true, isRefused: true }, /TURN server gives this device no/, /secrets of both/],
  ['relay', { relays: false }, /relays nothing/, /--relay/],
  ['nobody', { people: [] }, /Nobody is here/, /two devices/],
  ['apart', { people: [{ name: 'Ada', reach: 'none' }] }, /no connection to Ada/, /relay or TURN/],
])('%s: one line with advice', (_, change, what, advice) => {
  const unwell = findingsOf({ ...WELL, ...change }).filter(({ isWell }) => !isWell);
  expect(unwell).toHaveLength(1);
  expect(unwell[0]!.what).toMatch(what);
  expect(unwell[0]!.advice).toMatch(advice);
});

test('who is reached through the server is named, and is well', () => {
  const findings = findingsOf({ ...WELL, people: [{ name: 'Ada', reach: 'relayed' }] });
  expect(findings.at(-1)).toEqual({ isWell: true, what: 'Reached through the server: Ada' });
});

test('names that hide addresses are counted, addresses are shown', () => {
  const own = (addresses: string[]) => findingsOf({ ...WELL, addresses })[1]!.what;
  expect(own(['10.0.0.2', 'a-1.local', 'b-2.local'])).toBe(
    'This device shows others 10.0.0.2 and 2 names that hide addresses',
  );
  expect(own(['a-1.local'])).toBe('This device shows others one name that hides an address');
});
