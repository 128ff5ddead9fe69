/** The client of an MQTT broker: npm `mqtt`, loaded only where a broker is named, since it doubles the first load. */
import mqtt from 'mqtt';
import type { ConnectMqtt } from './mqttsignaling';

/** Seconds. A broker tells of a silent client after one and a half times this. */
const KEEPALIVE_S = 5;
const RECONNECT_MS = { least: 500, spread: 1_500 };

export const connectMqtt: ConnectMqtt = (url, will) => {
  const client = mqtt.connect(url, {
    keepalive: KEEPALIVE_S,
    // why random: all peers of a broker that was started again would come at one moment
    reconnectPeriod: RECONNECT_MS.least + Math.random() * RECONNECT_MS.spread,
    connectTimeout: 10_000,
    // why: the other timers make a Worker from a Blob, which the pages' policy forbids
    timerVariant: 'native',
    will: { topic: will, payload: new Uint8Array() as Buffer, retain: true, qos: 1 },
  });
  let reason = '';
  client.on('error', ({ message }) => {
    reason = message;
  });
  const drop = () => {};
  return {
    onConnect: (listener) => void client.on('connect', listener),
    onLost: (listener) => void client.on('close', () => listener(reason)),
    onMessage: (listener) =>
      void client.on('message', (topic, payload, { retain }) => listener(topic, payload.toString(), retain)),
    subscribe: (topics) => void client.subscribe([...topics], { qos: 1 }, drop),
    publish: (topic, text, retain) => void client.publish(topic, text, { qos: 1, retain }, drop),
    end: () => void client.end(),
  };
};
