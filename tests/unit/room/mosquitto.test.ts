/** Signaling over a real MQTT broker, with the client that pages use. */
import { expect, onTestFinished, test } from 'vitest';
import { connectMqtt } from '../../../src/net/signaling/mqttclient';
import { MqttSignaling } from '../../../src/net/signaling/mqttsignaling';
import { MOSQUITTO, startMosquitto } from '../../helpers/mosquitto';
import { freePort } from '../../helpers/ports';
import { idOf, presenceOf, ROOM, watched } from '../../helpers/signalingmedia';

if (!MOSQUITTO) console.info('mosquitto is not installed: signaling over a real MQTT broker was not tried.');

function open(url: string, n: number) {
  const peer = watched(new MqttSignaling({ url, room: ROOM, presence: presenceOf(n), connect: connectMqtt }));
  onTestFinished(() => peer.signaling.close());
  return peer;
}

test.skipIf(!MOSQUITTO)('peers meet at a broker, write to each other, and miss who leaves', async () => {
  const url = await startMosquitto(onTestFinished);
  const a = open(url, 1);
  await a.signaling.met;
  const b = open(url, 2);
  await b.signaling.met;
  expect(b.seen.ids).toEqual([1, 2].map(idOf));
  await expect.poll(() => a.seen.ids, { timeout: 10_000 }).toEqual([1, 2].map(idOf));
  b.signaling.send(idOf(1), { hello: 1 });
  await expect.poll(() => a.seen.messages, { timeout: 10_000 }).toEqual([[idOf(2), { hello: 1 }]]);
  b.signaling.close();
  await expect.poll(() => a.seen.ids, { timeout: 10_000 }).toEqual([idOf(1)]);
  expect([...a.seen.troubles, ...b.seen.troubles].join('')).toBe('');
});

test('a broker that is not there costs one sentence', async () => {
  const peer = open(`ws://127.0.0.1:${await freePort()}/mqtt`, 1);
  await peer.signaling.met;
  expect(peer.seen.troubles.at(-1)).toMatch(/^The MQTT broker ws:.* cannot be reached.*; trying again\.$/);
});
