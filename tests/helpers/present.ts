import type { LinkTransport } from '../../src/net/wire/links';

/** Resolves when `transport` can reach a peer. */
export function present(transport: LinkTransport): Promise<void> {
  return new Promise((resolve) => {
    const stop = transport.onPeers((peers) => {
      if (peers.size === 0) return;
      queueMicrotask(() => stop());
      resolve();
    });
  });
}
