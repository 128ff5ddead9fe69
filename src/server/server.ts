/** The server of `npm start` and of the headless run: pages and signaling on one port. */
import { createServer, type Server } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { ConnectError } from '../errors';
import { attachSignaling } from './signal';
import { type Handler, serveFolder } from './static';
import { type StunServer, startStun } from './stun';
import type { TurnServer } from './turn';

interface ServerOptions {
  /** Folder of the built pages. */
  readonly pages: string;
  readonly host: string;
  /** 0 takes a free port. */
  readonly port: number;
  /** PEM texts. Absent: plain HTTP. */
  readonly tls?: { readonly key: string; readonly cert: string };
  readonly programsMayOpen: boolean;
  /** Origins of the pages behind a proxy (signal.ts). */
  readonly origins?: readonly string[];
  /** Whether to answer STUN requests, at the same port number over UDP where that is free. */
  readonly stun?: boolean;
  /** Whether to relay the links of peers that cannot reach each other. */
  readonly relay?: boolean;
  readonly turn?: TurnServer;
  /** Gets each request before the pages do. Returns false for a request that it does not answer. */
  readonly route?: (...args: Parameters<Handler>) => boolean;
}

export interface RunningServer {
  readonly port: number;
  /** UDP port of the STUN responder; null without one. */
  readonly stunPort: number | null;
  close(): Promise<void>;
}

/** Start to listen. Throws ConnectError with advice when the port is taken or not permitted. */
export async function startServer(options: ServerOptions): Promise<RunningServer> {
  const pages = serveFolder(options.pages);
  const handler: Handler = (request, response) => {
    if (!options.route?.(request, response)) pages(request, response);
  };
  // A client that never finishes its request line is cut off after 10 s.
  const limits = { headersTimeout: 10_000, requestTimeout: 300_000 };
  const server: Server = options.tls
    ? createTlsServer({ ...options.tls, ...limits }, handler)
    : createServer(limits, handler);
  let stun: StunServer | null = null;
  const services = () => (stun ? { stun: stun.port } : {});
  const closeSignaling = attachSignaling(server, { ...options, services });
  server.on('clientError', (_error, socket) => socket.destroy());
  await listen(server, options.port, options.host);
  const { port } = server.address() as AddressInfo;
  if (options.stun) stun = await startStun(options.host, port);
  return {
    port,
    stunPort: stun?.port ?? null,
    close: () =>
      new Promise((resolve) => {
        stun?.close();
        closeSignaling();
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

function listen(server: Server, port: number, host: string): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) => reject(new ConnectError(listenSentence(error, port, host))));
    server.listen(port, host, resolve);
  });
}

function listenSentence(error: NodeJS.ErrnoException, port: number, host: string): string {
  if (error.code === 'EADDRINUSE') {
    return `Port ${port} is taken by another program: stop it or choose another port with --port ${port + 1}.`;
  }
  if (error.code === 'EACCES')
    return `Port ${port} needs administrator rights: choose one above 1023 with --port 8080.`;
  if (error.code === 'EADDRNOTAVAIL' || error.code === 'ENOTFOUND') {
    return `This machine has no address ${host}: leave --host out, or use 0.0.0.0 for all addresses.`;
  }
  return `The server cannot listen on ${host}:${port}: ${error.message}.`;
}
