/** The client of the broker (broker.worker.ts): leaves ports for another page of this browser and takes ports. */
import type { BrokerMessage } from './broker.worker';

export interface Broker {
  /** Leave `ports` under `token`. Transfers them: this page can no longer use them. */
  leave(token: string, ports: readonly MessagePort[]): void;
  /** Resolves with the ports left under `token`, now or later. Never settles after an abort. */
  take(token: string, signal: AbortSignal): Promise<readonly MessagePort[]>;
}

/** The broker of this browser; undefined where there are no SharedWorkers. */
export function sharedBroker(): Broker | undefined {
  if (typeof SharedWorker === 'undefined') return undefined;
  // why each time: the browser may have ended and restarted the Worker, and then an old port is dead
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
