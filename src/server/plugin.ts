/** Signaling inside Vite's dev and preview servers: `npm run dev` behaves like `npm start`. */
import type { Server } from 'node:http';
import type { Plugin } from 'vite';
import { attachSignaling } from './signal';

export function signalingPlugin(): Plugin {
  const attach = (server: Pick<Server, 'on' | 'off'> | null) => {
    if (server) attachSignaling(server, { allowPrograms: false, shared: true });
  };
  return {
    name: 'tabtrain-signaling',
    configureServer: ({ httpServer }) => attach(httpServer as Server | null),
    configurePreviewServer: ({ httpServer }) => attach(httpServer as Server),
  };
}
