/** Where a page signals, from where it was served. */
import { expect, test } from 'vitest';
import { signalingAddress } from '../../../src/net/signaling/signaladdress';

test.each([
  ['http://localhost:8080/', 'ws://localhost:8080/signal'],
  ['https://tab.example/lecture.html#room=x', 'wss://tab.example/signal'],
  ['https://example.org/tab/index.html?x=1', 'wss://example.org/tab/signal'],
])('a page at %s signals at %s', (base, address) => {
  expect(signalingAddress(base)).toBe(address);
});
