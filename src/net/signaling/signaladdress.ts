/**
 * Where a room meets: the signaling server beside the pages, or the MQTT broker that the build or the link names. In a
 * file of its own, because pages load the message schemas later.
 */

/** Vite inserts it (src/server/plugin.ts). */
declare const __TABTRAIN_BROKER__: string | undefined;

export const SIGNALING_PATH = '/signal';
/** Path of the relay beside it. */
export const RELAY_PATH = '/relay';

/** Before the address of an MQTT broker in a signaling address. */
const MQTT = 'mqtt+';

/** The `broker` of a URL fragment, `wss://host[:port]/path`; undefined where it is missing or no such address. */
export function brokerOfFragment(fragment: string): string | undefined {
  const broker = new URLSearchParams(fragment.replace(/^#/, '').replaceAll('&amp;', '&')).get('broker') ?? '';
  return URL.canParse(broker) && /^wss?:$/.test(new URL(broker).protocol) ? broker : undefined;
}

/** The signaling address of a page, from its address with the fragment (document.baseURI). Keeps a proxy's path prefix. */
export function signalingAddress(base: string): string {
  const url = new URL(`.${SIGNALING_PATH}`, base);
  const built = typeof __TABTRAIN_BROKER__ === 'string' ? __TABTRAIN_BROKER__ : '';
  const broker = brokerOfFragment(new URL(base).hash) ?? built;
  if (broker !== '') return `${MQTT}${broker}`;
  url.protocol = url.protocol === 'https:' ? 'wss:' : 'ws:';
  return url.href;
}

/** The broker's address in a signaling address; undefined where the room meets at a signaling server. */
export function brokerOf(address: string): string | undefined {
  return address.startsWith(MQTT) ? address.slice(MQTT.length) : undefined;
}
