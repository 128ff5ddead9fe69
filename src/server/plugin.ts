/** Vite plugins: signaling in the dev server, and the build hash in both builds. */
import { createHash } from 'node:crypto';
import { readdirSync, readFileSync, statSync } from 'node:fs';
import type { Server } from 'node:http';
import { join } from 'node:path';
import type { Plugin } from 'vite';

/** Adds the signaling of `npm start` to `npm run dev`. */
export function signalingPlugin(): Plugin {
  return {
    name: 'tabtrain-signaling',
    configureServer: async ({ httpServer, ssrLoadModule }) => {
      // why not imported: the configuration of every build and test would load the server
      const file = join(import.meta.dirname, 'signal.ts');
      const { attachSignaling } = (await ssrLoadModule(file)) as typeof import('./signal');
      if (httpServer) attachSignaling(httpServer as Server, { programsMayOpen: false, shared: true, relay: true });
    },
  };
}

/**
 * Defines __TABTRAIN_BROKER__ and lets the pages connect to it. `broker`: the address of an MQTT broker
 * (`wss://host[:port]/path`), `wss:` for any that a link names, '' for the signaling server beside the pages.
 */
export function brokerPlugin(broker: string): Plugin {
  const isAny = broker === 'wss:';
  if (broker !== '' && !isAny && !/^wss?:\/\/[^\s;,']+$/.test(broker)) {
    throw new Error(`TABTRAIN_BROKER is ${broker}; it must be an address that begins with wss://, or wss: for any.`);
  }
  return {
    name: 'tabtrain-broker',
    config: () => ({ define: { __TABTRAIN_BROKER__: JSON.stringify(isAny ? '' : broker) } }),
    transformIndexHtml: (html) => {
      const source = isAny || broker === '' ? broker : new URL(broker).origin;
      return source === '' ? html : html.replace("connect-src 'self'", `connect-src 'self' ${source}`);
    },
  };
}

/** Defines __TABTRAIN_BUILD__ as the hash of all files that determine how peers compute and communicate. */
export function buildHashPlugin(root: string): Plugin {
  return {
    name: 'tabtrain-build-hash',
    config: () => ({ define: { __TABTRAIN_BUILD__: JSON.stringify(buildHash(root)) } }),
  };
}

/** The value of __TABTRAIN_BUILD__ for the tree at `root`: twelve hex digits. */
export function buildHash(root: string): string {
  const files = ['src', 'shaders'].flatMap((folder) =>
    readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' }).map((name) => join(folder, name)),
  );
  const hash = createHash('sha256');
  for (const file of [...files.sort(), 'package-lock.json']) {
    if (statSync(join(root, file)).isFile()) hash.update(file).update(readFileSync(join(root, file)));
  }
  return hash.digest('hex').slice(0, 12);
}
