/** Counts the bytes that this rank sends for its steps. Bytes of a proof, a mirror or a file belong to no step. */
import type { Transport } from '../../../net/wire/transport';
import type { PeerId } from '../../../plan/mesh';

export class Traffic {
  /** Bytes sent when the newest step's NORM began: a step's traffic is counted from one NORM to the next. */
  #counted = 0;

  /** `peers`: the members. What goes to others belongs to no step. */
  constructor(
    private readonly transport: Transport,
    private readonly peers: readonly PeerId[],
  ) {}

  /** Returns the bytes sent for steps since the last call, and counts from here. */
  take(): number {
    const before = this.#counted;
    this.#counted = this.#sent();
    return this.#counted - before;
  }

  /** Run `work` without counting its bytes towards any step, whether it succeeds or not. */
  async uncounted<T>(work: () => Promise<T>): Promise<T> {
    const before = this.#sent();
    try {
      return await work();
    } finally {
      this.#counted += this.#sent() - before;
    }
  }

  /** A message of `bytes` that is sent among those of a step belongs to none. */
  leaveOut(bytes: number): void {
    this.#counted += bytes;
  }

  #sent(): number {
    const links = this.transport.stats().filter(({ peer }) => this.peers.includes(peer));
    return links.reduce((sum, { bytesSent }) => sum + bytesSent, 0);
  }
}
