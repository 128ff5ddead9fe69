/** An MQTT broker as plain calls: retained messages, wills, and anybody who publishes what they like. */
import { type ConnectMqtt, MqttSignaling } from '../../src/net/signaling/mqttsignaling';
import { HandClock } from './clock';
import { presenceOf, ROOM, watched } from './signalingmedia';

interface Client {
  readonly will: string;
  topics: readonly string[];
  connected: () => void;
  message: (topic: string, text: string, retained: boolean) => void;
  lost: (reason: string) => void;
}

export class FakeMqtt {
  readonly retained = new Map<string, string>();
  /** Topics of all messages, in order. */
  readonly published: string[] = [];
  readonly #clients = new Map<number, Client>();

  open(n: number, clock = new HandClock()) {
    const connect: ConnectMqtt = (_, will) => {
      const client: Client = { will, topics: [], connected: () => {}, message: () => {}, lost: () => {} };
      setImmediate(() => this.#arrive(n, client));
      return {
        onConnect: (listener) => {
          client.connected = listener;
        },
        onMessage: (listener) => {
          client.message = listener;
        },
        onLost: (listener) => {
          client.lost = listener;
        },
        subscribe: (topics) => {
          client.topics = topics;
          for (const [topic, text] of this.retained) if (listens(client, topic)) client.message(topic, text, true);
        },
        publish: (topic, text, retain) => {
          if (this.#clients.get(n) === client) this.publish(topic, text, retain);
        },
        end: () => this.#clients.delete(n),
      };
    };
    return watched(new MqttSignaling({ url: 'wss://broker', room: ROOM, presence: presenceOf(n), connect, clock }));
  }

  publish(topic: string, text: string, retain: boolean): void {
    this.published.push(topic);
    if (retain && text === '') this.retained.delete(topic);
    else if (retain) this.retained.set(topic, text);
    for (const client of this.#clients.values()) if (listens(client, topic)) client.message(topic, text, false);
  }

  /** The client's process is gone; the broker publishes its will. */
  kill(n: number): void {
    const { will } = this.#clients.get(n)!;
    this.#clients.delete(n);
    this.publish(will, '', true);
  }

  /** The broker loses the connection of `n` and takes it back at once, as at a restart. */
  reconnect(n: number): void {
    const client = this.#clients.get(n)!;
    this.#clients.delete(n);
    client.lost('gone');
    this.#arrive(n, client);
  }

  #arrive(n: number, client: Client): void {
    this.#clients.set(n, client);
    client.connected();
  }
}

const listens = ({ topics }: Client, topic: string) =>
  topics.some((one) => one === topic || (one.endsWith('/+') && topic.startsWith(one.slice(0, -1))));
