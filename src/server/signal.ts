/**
 * Signaling over WebSockets on an HTTP server's upgrade event. Enforces hard limits on every socket and passes messages
 * to the hub. Used by `npm start`, the headless run and, as a Vite plugin, `npm run dev`.
 */
import type { Server as HttpServer, IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import { type WebSocket, WebSocketServer } from 'ws';
import { RELAY_PATH, SIGNALING_PATH } from '../net/signaling/signaladdress';
import { MAX_ENVELOPE_BYTES, type Services } from '../net/signaling/signalwire';
import { type AddressLimits, type Admission, addressOf, ClientAddresses } from './addresses';
import { CLOSE, Hub, LIMITS } from './hub';
import { MAX_RELAY_BYTES } from './relayhello';
import { type RelayLimits, RelayRooms } from './relayrooms';
import { serveRelay } from './relaysocket';
import { closeSocket, keepAlive } from './sockets';
import { TURN_VALID_MS, type TurnServer, turnFor } from './turn';

interface SignalingOptions {
  /**
   * Whether a program may open a room. If not, it may only enter one that is open, which takes the room's secret. A
   * program's socket has no Origin header, a page's always has one.
   */
  readonly programsMayOpen: boolean;
  /** Whether to leave upgrades of other paths to other handlers (Vite's hot reload). If not, they are refused. */
  readonly shared?: boolean;
  /** Allowed origins of pages behind a proxy, checked instead of the Host header: `https://name[:port]`. */
  readonly origins?: readonly string[];
  /** What one client address may use. */
  readonly perAddress?: AddressLimits;
  /** What the server offers besides signaling, told to every peer that enters a room. */
  readonly services?: () => Services;
  /** A TURN server for which every peer gets credentials. */
  readonly turn?: TurnServer;
  /** Whether to relay the links of peers that cannot reach each other (relayrooms.ts). */
  readonly relay?: boolean;
  readonly relayLimits?: RelayLimits;
  readonly helloWithinMs?: number;
  readonly pingEveryMs?: number;
}

/**
 * Whether a request may open a socket. A page may do so only to the host it came from, so that no other site can use
 * this server through its visitors. A proxy may change the Host header, so `origins` lists the origins in that case. A
 * program has no Origin and no visitors: the hub decides which rooms it may enter.
 */
export function originAllowed(
  request: Pick<IncomingMessage, 'headers'>,
  { origins }: Pick<SignalingOptions, 'origins'>,
): boolean {
  const { origin, host } = request.headers;
  if (origin === undefined) return true;
  if (origins && origins.length > 0) return origins.includes(origin);
  return URL.canParse(origin) && new URL(origin).host === host;
}

/** Serve signaling on `server`. The returned function closes every socket and sends no `left` messages. */
export function attachSignaling(server: Pick<HttpServer, 'on' | 'off'>, options: SignalingOptions): () => void {
  const { services = () => ({}) } = options;
  const relay = options.relay ? new RelayRooms(options.relayLimits) : undefined;
  const hub = new Hub(undefined, undefined, (room, peer) => ({
    ...services(),
    ...(options.turn && { turn: turnFor(options.turn, peer, Date.now()) }),
    ...(relay && { relay: relay.ticketOf(room, peer) }),
  }));
  const signaling = socketServer(MAX_ENVELOPE_BYTES);
  const relaying = socketServer(MAX_RELAY_BYTES);
  const addresses = new ClientAddresses(options.perAddress);

  const onUpgrade = (request: IncomingMessage, socket: Duplex, head: Buffer): void => {
    const path = URL.canParse(request.url ?? '', 'http://host') && new URL(request.url ?? '', 'http://host').pathname;
    const sockets = path === SIGNALING_PATH ? signaling : path === RELAY_PATH && relay ? relaying : undefined;
    if (!sockets) {
      if (!options.shared) refuse(socket, '404 Not Found');
    } else if (!originAllowed(request, options)) refuse(socket, '403 Forbidden');
    else if (sockets.clients.size >= LIMITS.sockets) refuse(socket, '503 Service Unavailable');
    else {
      const admission = addresses.admit(addressOf(request, (options.origins ?? []).length > 0));
      if (admission) {
        socket.once('close', () => admission.leave());
        const mayOpen = options.programsMayOpen || request.headers.origin !== undefined;
        sockets.handleUpgrade(request, socket, head, (ws) => {
          if (sockets === relaying) serveRelay(ws, relay!, options);
          else serve(ws, hub, admission, { ...options, mayOpen });
        });
      } else refuse(socket, '429 Too Many Requests');
    }
  };
  server.on('upgrade', onUpgrade);
  return () => {
    server.off('upgrade', onUpgrade);
    relay?.close();
    for (const sockets of [signaling, relaying]) {
      for (const ws of sockets.clients) ws.terminate();
      sockets.close();
    }
  };
}

const socketServer = (maxPayload: number) =>
  new WebSocketServer({
    noServer: true,
    maxPayload,
    maxFragments: 16,
    maxBufferedChunks: 1024,
    perMessageDeflate: false,
    clientTracking: true,
  });

function refuse(socket: Duplex, status: string): void {
  // The other end may be gone already; then the error needs no report.
  socket.on('error', () => socket.destroy());
  socket.end(`HTTP/1.1 ${status}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`);
}

function serve(
  ws: WebSocket,
  hub: Hub,
  admission: Admission,
  options: SignalingOptions & { readonly mayOpen: boolean },
): void {
  const connection = hub.connect(
    {
      send: (text) => ws.send(text),
      close: (code, reason) => closeSocket(ws, code, reason),
      get backlogBytes() {
        return ws.bufferedAmount;
      },
    },
    { takeShared: () => admission.take(), mayOpen: options.mayOpen },
  );
  const helloTimer = setTimeout(() => {
    if (!connection.greeted) closeSocket(ws, CLOSE.policy, 'no hello in time');
  }, options.helloWithinMs ?? LIMITS.helloWithinMs);
  keepAlive(ws, options.pingEveryMs);
  const renewTimer = options.turn && setInterval(() => connection.renew(), TURN_VALID_MS / 2);
  ws.on('message', (data, isBinary) => {
    // Ignore frames that arrive after this end has begun to close the socket.
    if (ws.readyState !== ws.OPEN) return;
    if (isBinary) closeSocket(ws, CLOSE.binary, 'text frames only');
    else connection.receive(data.toString());
  });
  ws.on('close', () => {
    clearTimeout(helloTimer);
    clearInterval(renewTimer);
    connection.closed();
  });
}
