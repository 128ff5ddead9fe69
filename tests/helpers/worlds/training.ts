/** The trainers of a world are counters. A step that another peer holds already is never committed again. */
import type { Generation } from '../../../src/net/membership/membership';
import { type Core, type Node, Violation, type Wire } from './core';
import type { Links } from './links';

const STEP_MS = 200;

/** The peers of a generation and the connections between them. */
interface Parts {
  readonly members: readonly Node[];
  readonly wires: readonly Wire[];
}

export class Training {
  commits = 0;
  /** Longest time without a commit while somebody could train, from the first commit on, ms. */
  longestPauseMs = 0;
  lastCommitAt = 0;
  /** Names of generations: two authorities that do not hear each other may give the same number. */
  readonly #committing = new Set<string>();
  /** Runs that were begun. */
  #histories = 0;
  readonly #parts = new WeakMap<Generation, Parts>();

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

  /** Looked up once: this is asked twice per step. */
  #partsOf(generation: Generation): Parts {
    const known = this.#parts.get(generation);
    if (known) return known;
    const { peers } = generation;
    const members = peers.map((id) => this.core.nodes.get(id)!);
    const wires = peers.flatMap((a, at) => peers.slice(at + 1).map((b) => this.links.wire(a, b)));
    const parts = { members, wires };
    this.#parts.set(generation, parts);
    return parts;
  }

  #isWorking(generation: Generation): boolean {
    const { members, wires } = this.#partsOf(generation);
    for (const { alive, frozen, isolated, aborted, inside } of members) {
      if (!alive || frozen || aborted || inside?.number !== generation.number) return false;
      if (inside !== generation && inside.peers.join() !== generation.peers.join()) return false;
      if (isolated && members.length > 1) return false;
    }
    return wires.every(({ up, blocked }) => up[0] && up[1] && !blocked[0] && !blocked[1]);
  }

  tryStep(generation: Generation): void {
    const { number, peers } = generation;
    const name = `${number} ${peers.join()}`;
    if (this.#committing.has(name) || !this.#isWorking(generation)) return;
    this.#committing.add(name);
    this.core.time.at(STEP_MS, () => {
      this.#committing.delete(name);
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
    const newest = members.reduce((most, one) => (one.step > most.step ? one : most));
    const from = newest.step;
    const step = Math.max(from, 0) + 1;
    if (from < 0) this.#histories += 1;
    const history = from < 0 ? this.#histories : newest.history;
    for (const node of this.core.nodes.values()) {
      // why `failed`: others cannot know which step its copy is of; but they must not begin the run anew
      if (node.failed && from >= 0) continue;
      const isReachable = node.alive && !node.frozen && this.core.time.now > node.heardAt && !node.isolated;
      if (!isReachable || members.includes(node) || node.step < step) continue;
      if (from >= 0 && node.history !== history) continue;
      if (members.some((member) => this.core.time.now < member.heardAt || member.isolated)) continue;
      const what = from < 0 ? 'begins the run anew' : `commits step ${step} again`;
      throw new Violation(
        `world ${this.core.seed} at ${this.core.time.now.toFixed(0)} ms: generation ${number} of ${peers} ${what}, and ${node.id} holds ${node.step}`,
      );
    }
    for (const member of members) {
      member.step = step;
      member.history = history;
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
