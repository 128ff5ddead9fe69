/** The trainers of a world are counters. A step that another peer holds already is never committed again. */
import type { Generation } from '../../../src/net/membership/membership';
import { type Core, type Node, Violation } from './core';
import type { Links } from './links';

const STEP_MS = 200;

export class Training {
  commits = 0;
  /** Longest time without a commit while somebody could train, from the first commit on, ms. */
  longestPauseMs = 0;
  lastCommitAt = 0;
  readonly #committing = new Set<number>();

  constructor(
    private readonly core: Core,
    private readonly links: Links,
  ) {}

  enter(node: Node, generation: Generation): void {
    this.core.say(`${node.id} enters ${generation.number} of ${generation.peers.join()}`);
    node.inside = generation;
    node.aborted = false;
    this.tryStep(generation);
  }

  leave(node: Node): void {
    const after = node.inside?.number ?? 0;
    node.inside = undefined;
    this.core.happen(node, { e: 'border', after });
  }

  #isWorking({ number, peers }: Generation): boolean {
    return peers.every((id) => {
      const node = this.core.nodes.get(id);
      if (!node?.alive || node.frozen || node.inside?.number !== number || node.aborted) return false;
      if (node.inside.peers.join() !== peers.join()) return false;
      return peers.every((other) => {
        const wire = this.links.wire(id, other);
        return other === id || (wire.up[0] && wire.up[1] && this.links.passes(id, other));
      });
    });
  }

  tryStep(generation: Generation): void {
    const { number, peers } = generation;
    if (this.#committing.has(number) || !this.#isWorking(generation)) return;
    this.#committing.add(number);
    this.core.time.at(STEP_MS, () => {
      this.#committing.delete(number);
      const isWorking = this.#isWorking(generation);
      if (!isWorking) {
        // a freeze or a block may end in time: try the step again
        this.core.time.at(200, () => this.tryStep(generation));
        return;
      }
      this.#commit(generation);
      const members = peers.map((id) => this.core.nodes.get(id)!);
      if (members.some(({ state }) => state.newest.number > number)) {
        for (const member of members) {
          this.core.time.at(this.core.random() * 10, () => {
            if (member.inside?.number === number) this.leave(member);
          });
        }
      } else this.tryStep(generation);
    });
  }

  #commit({ number, peers }: Generation): void {
    const members = peers.map((id) => this.core.nodes.get(id)!);
    const from = Math.max(...members.map(({ step }) => step));
    const step = Math.max(from, 0) + 1;
    for (const node of this.core.nodes.values()) {
      const isReachable = node.alive && !node.frozen && this.core.time.now > node.heardAt && !node.isolated;
      if (!isReachable || members.includes(node) || node.step < step) continue;
      if (members.some((member) => this.core.time.now < member.heardAt || member.isolated)) continue;
      const what = from < 0 ? 'begins the run anew' : `commits step ${step} again`;
      throw new Violation(
        `world ${this.core.seed} at ${this.core.time.now.toFixed(0)} ms: generation ${number} of ${peers} ${what}, and ${node.id} holds ${node.step}`,
      );
    }
    for (const member of members) {
      member.step = step;
      if (member.state.holds !== number) this.core.happen(member, { e: 'state', holds: true });
    }
    this.core.say(`generation ${number} commits ${step}`);
    if (this.commits > 0) this.#notePause();
    this.commits += 1;
    this.lastCommitAt = this.core.time.now;
  }

  #notePause(): void {
    this.longestPauseMs = Math.max(this.longestPauseMs, this.core.time.now - this.lastCommitAt);
  }
}
