/** One connection as the linker sees it, by WebRTC or by MessagePorts. */
export interface Connection {
  /** Resolves when the connection is open. Rejects with ConnectError: try again with a new connection. */
  readonly connected: Promise<void>;
  /** Pass in a signal of the other end. Data from the network: a signal that cannot be used ends the connection. */
  signal(data: unknown): void;
  /** Calls `listener` once when the connection ends, for any reason; at once if it has ended. */
  onClose(listener: (reason: string) => void): void;
  close(): void;
}

/** Begins the reason of a connection that failed because the network has no way; the rest says which (whyapart.ts). */
export const NO_WAY = 'no way: ';
