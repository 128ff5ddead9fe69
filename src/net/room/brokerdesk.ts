/**
 * Passes MessagePorts from one page of this browser to another, inside a SharedWorker (broker.worker.ts) or a service worker
 * (pages/offline.worker.ts). A page leaves them under a token, and the page that names the token takes them. Tokens travel in
 * sealed messages of a room, so only its members know them. The ports then work without the Worker.
 */

/** `leave`: ports under a token. `take`: the ports of that token come back in a message, now or once they are left. */
export type BrokerMessage = { readonly leave: string } | { readonly take: string };

/**
 * What a page sends to a service worker with a port to be served over. why only a type: the service worker then shares no
 * code with pages, so it loads nothing else.
 */
export type ServeBroker = 'broker';

/** Ports that no page takes, and requests that get no ports, are dropped after this time. */
export const KEEP_MS = 10_000;
const MOST_KEPT = 1000;

const left = new Map<string, readonly MessagePort[]>();
const takers = new Map<string, MessagePort>();

/** Handle what the page at the other end of `page` leaves and takes. */
export function serveBroker(page: MessagePort): void {
  page.onmessage = ({ data, ports }: MessageEvent<BrokerMessage>) => receive(page, data, ports);
}

function keep<T>(map: Map<string, T>, token: string, value: T): void {
  if (map.size >= MOST_KEPT) return;
  map.set(token, value);
  setTimeout(() => map.delete(token), KEEP_MS);
}

function receive(page: MessagePort, message: BrokerMessage, ports: readonly MessagePort[]): void {
  const token = 'leave' in message ? message.leave : message.take;
  const given = 'leave' in message ? ports : left.get(token);
  const taker = 'take' in message ? page : takers.get(token);
  if (given && taker) {
    left.delete(token);
    takers.delete(token);
    taker.postMessage(token, [...given]);
  } else if (given) keep(left, token, given);
  else keep(takers, token, page);
}
