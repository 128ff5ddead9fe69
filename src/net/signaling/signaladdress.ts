/** Where the server of a page signals. Apart from the messages, which pages load later. */

export const SIGNALING_PATH = '/signal';

/** The signaling address beside the document at `base` (document.baseURI), so that the path prefix of a proxy stays in it. */
export function signalingAddress(base: string): string {
  const url = new URL(`.${SIGNALING_PATH}`, base);
  url.protocol = url.protocol === 'https:' ? 'wss:' : 'ws:';
  return url.href;
}
