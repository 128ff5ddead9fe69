/** The address of the signaling server. In a file of its own, because pages load the message schemas later. */

export const SIGNALING_PATH = '/signal';

/** The signaling address relative to the document at `base` (document.baseURI). Keeps the path prefix of a proxy. */
export function signalingAddress(base: string): string {
  const url = new URL(`.${SIGNALING_PATH}`, base);
  url.protocol = url.protocol === 'https:' ? 'wss:' : 'ws:';
  return url.href;
}
