/** The id of this build. Peers of different builds refuse each other. Vite inserts the id (src/server/plugin.ts). */

declare const __TABTRAIN_BUILD__: string | undefined;

/** Twelve hex digits of the hash of all sources and shaders; 'source' when nothing was built (unit tests). */
export const BUILD = typeof __TABTRAIN_BUILD__ === 'string' ? __TABTRAIN_BUILD__ : 'source';
