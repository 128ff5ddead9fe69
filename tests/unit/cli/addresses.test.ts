/** Which addresses count as this network, so that a server there relays unasked. */
import { expect, test } from 'vitest';
import { isLocal } from '../../../src/cli/machine/addresses';

test.each([
  ['127.0.0.1', true],
  ['192.168.1.7', true],
  ['10.1.2.3', true],
  ['172.31.0.1', true],
  ['172.32.0.1', false],
  ['100.100.0.1', true],
  ['169.254.9.9', true],
  ['8.8.8.8', false],
  ['::1', true],
  ['fe80::1', true],
  ['fd12::1', true],
  ['2001:db8::1', false],
  ['localhost', true],
  ['tab.example', false],
])('%s: %s', (host, expected) => {
  expect(isLocal(host)).toBe(expected);
});
