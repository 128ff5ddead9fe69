/** One WebSocket of the relay: its limits, and its messages to relayrooms.ts. */
import type { WebSocket } from 'ws';
import { CLOSE, LIMITS } from './hub';
import type { RelayRooms } from './relayrooms';
import { closeSocket, keepAlive } from './sockets';

interface RelayTiming {
  readonly helloWithinMs?: number;
  readonly pingEveryMs?: number;
}

export function serveRelay(ws: WebSocket, rooms: RelayRooms, { helloWithinMs, pingEveryMs }: RelayTiming): void {
  const connection = rooms.connect({
    send: (message, sent) => ws.send(message, { binary: true }, sent),
    close: (code, reason) => closeSocket(ws, code, reason),
    pause: () => ws.pause(),
    resume: () => ws.resume(),
    get backlogBytes() {
      return ws.bufferedAmount;
    },
  });
  const helloTimer = setTimeout(() => {
    if (!connection.greeted) closeSocket(ws, CLOSE.policy, 'no hello in time');
  }, helloWithinMs ?? LIMITS.helloWithinMs);
  keepAlive(ws, pingEveryMs);
  ws.on('message', (data, isBinary) => {
    // Ignore messages that arrive after this end has begun to close the socket.
    if (ws.readyState !== ws.OPEN) return;
    if (isBinary) connection.receive(data as Buffer);
    else connection.greet(data.toString());
  });
  ws.on('close', () => {
    clearTimeout(helloTimer);
    connection.closed();
  });
}
