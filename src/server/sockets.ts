/** What every WebSocket of the server needs: pings that find dead ones, and an end that no client can put off. */
import type { WebSocket } from 'ws';
import { LIMITS } from './hub';

/** Ping `ws` regularly and terminate it if nothing has come since the last ping. Handles its errors. */
export function keepAlive(ws: WebSocket, everyMs: number = LIMITS.pingEveryMs): void {
  let alive = true;
  const timer = setInterval(() => {
    if (alive) ws.ping();
    else ws.terminate();
    alive = false;
  }, everyMs);
  const hear = () => {
    alive = true;
  };
  ws.on('pong', hear);
  ws.on('message', hear);
  // ws reports an oversized frame, bad UTF-8 and a reset connection here, and has already begun to close the socket.
  ws.on('error', () => terminateSoon(ws));
  ws.on('close', () => clearInterval(timer));
}

/** Start a closing handshake, and terminate the socket after 1 s: a hostile peer would never answer. */
export function closeSocket(ws: WebSocket, code: number, reason: string): void {
  if (ws.readyState !== ws.OPEN) return;
  ws.close(code, reason);
  terminateSoon(ws);
}

function terminateSoon(ws: WebSocket): void {
  setTimeout(() => ws.terminate(), 1_000).unref();
}
