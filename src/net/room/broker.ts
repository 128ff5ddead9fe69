/** The client of the broker (brokerdesk.ts): leaves ports for another page of this browser and takes ports. */
import { ConnectError } from '../../errors';
import type { BrokerMessage, ServeBroker } from './brokerdesk';

export interface Broker {
  /** Leave `ports` under `token`. Transfers them: this page can no longer use them. */
  leave(token: string, ports: readonly MessagePort[]): void;
  /** Resolves with the ports left under `token`, now or later. Never settles after an abort. */
  take(token: string, signal: AbortSignal): Promise<readonly MessagePort[]>;
}

/** The broker of this browser: a SharedWorker, else the pages' service worker; undefined where there are neither. */
export function sharedBroker(): Broker | undefined {
  const open =
    typeof SharedWorker !== 'undefined' ? ofSharedWorker : 'serviceWorker' in navigator ? ofService : undefined;
  if (!open) return undefined;
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

/** A port to the SharedWorker. why each time: the browser may have restarted it, and then an old port is dead. */
const ofSharedWorker = (): MessagePort =>
  new SharedWorker(new URL('./broker.worker.ts', import.meta.url), { type: 'module' }).port;

/** A port to the service worker. Throws ConnectError before it answers for this page, as on a first visit. */
function ofService(): MessagePort {
  const { controller } = navigator.serviceWorker;
  if (!controller) throw new ConnectError('no service worker answers for this page yet');
  const { port1, port2 } = new MessageChannel();
  controller.postMessage('broker' satisfies ServeBroker, [port2]);
  return port1;
}
