/** A page's way to the broker (broker.worker.ts): leaves ports for another page of this browser, and takes those left for it. */
import type { BrokerMessage } from './broker.worker';

export interface Broker {
  /** Leave `ports` under `token`; they are no longer this page's. */
  leave(token: string, ports: readonly MessagePort[]): void;
  /** The ports left under `token`, once they are. */
  take(token: string, signal: AbortSignal): Promise<readonly MessagePort[]>;
}

/** The broker of this browser; undefined where there are no SharedWorkers. */
export function sharedBroker(): Broker | undefined {
  if (typeof SharedWorker === 'undefined') return undefined;
  // why each time: the browser starts the Worker anew if it was ended, and an old port would lead nowhere
  const open = () => new SharedWorker(new URL('./broker.worker.ts', import.meta.url), { type: 'module' }).port;
  const say = (port: MessagePort, message: BrokerMessage, ports: readonly MessagePort[] = []) =>
    port.postMessage(message, [...ports]);
  return {
    leave: (token, ports) => say(open(), { leave: token }, ports),
    take(token, signal) {
      const port = open();
      signal.addEventListener('abort', () => port.close());
      return new Promise((resolve) => {
        port.onmessage = ({ ports }) => {
          port.close();
          resolve(ports);
        };
        say(port, { take: token });
      });
    },
  };
}
