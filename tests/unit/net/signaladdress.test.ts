/** Where a page signals, from where it was served. */
import { expect, test } from 'vitest';
import { brokerOf, signalingAddress } from '../../../src/net/signaling/signaladdress';

test.each([
  ['http://localhost:8080/', 'ws://localhost:8080/signal'],
  ['https://tab.example/lecture.html#room=x', 'wss://tab.example/signal'],
  ['https://example.org/tab/index.html?x=1', 'wss://example.org/tab/signal'],
])('a page at %s signals at %s', (base, address) => {
  expect(signalingAddress(base)).toBe(address);
  expect(brokerOf(address)).toBeUndefined();
});

test('a link may name an MQTT broker instead', () => {
  const page = 'https://tab.example/tab/#room=x&broker=';
  const broker = 'wss://mqtt.example:8884/mqtt';
  const address = signalingAddress(page + encodeURIComponent(broker));
  expect(brokerOf(address)).toBe(broker);
  expect(brokerOf(signalingAddress(page + broker))).toBe(broker);
  for (const other of ['', 'mqtt.example', 'javascript:alert(1)', 'https://mqtt.example/']) {
    expect(signalingAddress(page + other)).toBe('wss://tab.example/tab/signal');
  }
});
