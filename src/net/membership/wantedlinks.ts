/**
 * The links that a peer asks its room for. They belong to the peer and outlive the membership that asked for them: a
 * peer that leaves closes them a while later, and a membership that begins meanwhile keeps those that it wants.
 */
import type { PeerId } from '../../plan/mesh';
import type { Clock } from '../clock';
import { MEMBER_MS } from './member';

export class WantedLinks {
  #wanted: readonly PeerId[] = [];

  /** `hold`: hold links to exactly these peers. */
  constructor(
    private readonly clock: Clock,
    private readonly hold: (peers: readonly PeerId[]) => void,
  ) {}

  want(peers: readonly PeerId[]): void {
    this.#wanted = peers;
    this.hold(peers);
  }

  /** Ask for the same links again, of another kind. */
  again(): void {
    this.hold(this.#wanted);
  }

  /** The membership has ended. Other members may still be receiving its last frames, so the links stay for a while. */
  leave(): void {
    this.#wanted = [];
    // why read then: a membership that has begun since may want links
    this.clock.after(MEMBER_MS.linger, () => this.hold(this.#wanted));
  }
}
