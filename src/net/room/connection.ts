/** What the linker holds of one connection, whatever carries it. */
export interface Connection {
  /** Resolves when the connection stands. Rejects with ConnectError: try again with a new connection. */
  readonly connected: Promise<void>;
  /** Hand in what came from the other end. Data from the network: what cannot be used ends the connection. */
  signal(data: unknown): void;
  /** Told once when the connection is over, whoever ended it. */
  onClose(listener: (reason: string) => void): void;
  close(): void;
}
