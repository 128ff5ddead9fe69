/** What goes wrong in a world: deaths, freezes, guests that reach nobody, broken links, silent sockets. */
import type { Core, Kind, Node } from './core';
import type { Links } from './links';
import type { Training } from './training';

/** Lets peers in, and tells all who is here. */
interface Peers {
  /** `readyAfterMs`: from then on it waits for a generation; before, it compiles kernels. */
  join(id: string, isolated: boolean, readyAfterMs?: number): void;
  tellRoster(): void;
}

export class Faults {
  /** When the newest fault began or ended. */
  lastAt = 0;

  constructor(
    private readonly core: Core,
    private readonly peers: Peers,
    private readonly links: Links,
    private readonly training: Training,
  ) {}

  /** One fault of the world's kind, or none if peers are not in a state that could have it. */
  happen(): void {
    const { kind } = this.core;
    const awake = [...this.core.nodes.values()].filter(({ alive, frozen, isolated }) => alive && !frozen && !isolated);
    const doable: Kind[] = ['deaths', 'failures', 'freezes', 'guests', 'links', 'signaling', 'calm'];
    const what = kind === 'everything' ? this.#one(doable)! : kind;
    this.lastAt = this.core.time.now;
    if (what === 'guests') this.#guest();
    else if (what === 'calm') {
      const id = (this.core.random() * 2 ** 32).toString(16).padStart(8, '0');
      this.peers.join(id, false, kind === 'calm' ? this.core.random() * 4_000 : Number.parseInt(id, 16) % 3_000);
    } else if (what === 'failures') this.#fail(this.#one(awake.filter(({ failed, inside }) => !failed && inside)));
    else if (awake.length < 2) return;
    // why: two sides without any connection cannot know of each other, so both go on
    else if (what === 'links' && awake.some(({ muted }) => muted)) return;
    else if (what === 'signaling' && [...this.core.nodes.values()].some(({ frozen }) => frozen)) return;
    else if (what === 'signaling' && this.links.all().some(({ blocked }) => blocked[0] || blocked[1])) return;
    else if (what === 'deaths') this.die(this.#one(awake)!, this.core.random() < 0.5);
    else if (what === 'freezes' && awake.some(({ muted }) => muted)) return;
    else if (what === 'freezes') this.#freeze(this.#one(awake)!, 500 + this.core.random() * 6_000);
    else if (what === 'signaling') this.#mute(this.#one(awake)!, 500 + this.core.random() * 6_000);
    else this.#block(this.#one(awake)!, this.#one(awake)!, this.core.random() < 0.5, 500 + this.core.random() * 7_000);
  }

  #guest(): void {
    const isLow = this.core.random() < 0.5;
    const id = `${isLow ? '0' : 'f'}${(this.core.random() * 2 ** 28).toString(16).padStart(7, '0')}`;
    this.peers.join(id, true);
    this.core.time.at(2_000 + this.core.random() * 6_000, () => {
      const node = this.core.nodes.get(id)!;
      if (node.alive) this.die(node, true);
    });
  }

  /** `says`: it sends bye on its links, as a page does when it is closed. */
  die(node: Node, says: boolean): void {
    this.core.say(`${node.id} dies${says ? ' with a word' : ''}`);
    node.alive = false;
    for (const wire of this.links.all()) {
      const side = wire.ends.indexOf(node.id);
      if (side < 0) continue;
      wire.up[side as 0 | 1] = false;
      const other = wire.ends[1 - side]!;
      if (says) this.core.time.at(5 + this.core.random() * 30, () => this.links.cut(other, node.id, 'it said bye'));
      else this.links.listen(other, node.id);
    }
    this.core.time.at(20 + this.core.random() * 110, () => this.peers.tellRoster());
  }

  /** Its trainer fails: for good, or it comes back with an older copy of the state. */
  #fail(node: Node | undefined): void {
    if (!node) return;
    const { core } = this;
    core.say(`${node.id} fails`);
    const comesBack = core.random() < 0.7;
    node.failed = true;
    // why: a peer that wakes up meanwhile would hold more than this one's older copy, and nobody could know of it
    const isAlone = [...core.nodes.values()].some(({ alive, frozen }) => alive && frozen);
    node.step = comesBack ? node.step - (isAlone ? 0 : Math.floor(core.random() * 5)) : -1;
    core.happen(node, { e: 'failed', reason: 'its graphics device was lost' });
    node.inside = undefined;
    if (!comesBack) core.happen(node, { e: 'state', holds: false });
    else core.time.at(300 + core.random() * 3_500, () => this.#comeBack(node));
  }

  /** Its device is open again. Where nothing else goes wrong, it then compiles kernels for a while. */
  #comeBack(node: Node): void {
    const { core } = this;
    if (!node.alive) return;
    if (node.frozen) {
      node.held.push(() => this.#comeBack(node));
      return;
    }
    core.say(`${node.id} comes back`);
    node.presence = { ...node.presence, state: 'willing', left: '' };
    if (core.kind !== 'failures') this.#ready(node);
    else {
      this.peers.tellRoster();
      core.time.at(core.random() * 3_000, () => this.#ready(node));
    }
  }

  #ready(node: Node): void {
    const { core } = this;
    if (!node.alive) return;
    // a pause is counted where somebody could train
    const couldTrain = [...core.nodes.values()].some((one) => one.alive && !one.failed && !one.isolated);
    if (!couldTrain) this.training.lastCommitAt = core.time.now;
    node.failed = false;
    // others may have gone on from an older copy, and take a moment to hear of this one
    node.heardAt = core.time.now + 1_000;
    this.lastAt = core.time.now;
    this.peers.tellRoster();
    core.happen(node, { e: 'border', after: node.state.entered });
  }

  #freeze(node: Node, forMs: number): void {
    this.core.say(`${node.id} freezes for ${forMs.toFixed(0)} ms`);
    node.frozen = true;
    for (const other of this.core.nodes.values()) if (other !== node) this.links.listen(other.id, node.id);
    this.core.time.at(forMs, () => {
      if (!node.alive) return;
      this.core.say(`${node.id} thaws`);
      node.frozen = false;
      const held = node.held;
      node.held = [];
      for (const then of held) then();
      this.core.happen(node, { e: 'time' });
      this.lastAt = this.core.time.now;
      // close the links that the others have given up
      for (const other of this.core.nodes.values()) {
        const wire = this.links.wire(node.id, other.id);
        const [mine, theirs] = wire.ends[0] === node.id ? [0, 1] : [1, 0];
        if (other !== node && wire.up[mine as 0 | 1] && !wire.up[theirs as 0 | 1]) {
          this.core.time.at(this.core.random() * 20, () => this.links.cut(node.id, other.id, 'closed'));
        }
      }
      if (node.inside) this.training.tryStep(node.inside);
    });
  }

  /** Its socket falls silent: the server takes it for gone, and it does not notice. Its links stay up. */
  #mute(node: Node, forMs: number): void {
    this.core.say(`${node.id}'s socket is silent for ${forMs.toFixed(0)} ms`);
    node.muted = true;
    node.heardAt = this.core.time.now + forMs + 1_000;
    this.core.time.at(200 + this.core.random() * 1_000, () => this.peers.tellRoster());
    this.core.time.at(forMs, () => {
      node.muted = false;
      this.lastAt = this.core.time.now;
      this.peers.tellRoster();
    });
  }

  #block(a: Node, b: Node, oneWay: boolean, forMs: number): void {
    if (a === b) return;
    const wire = this.links.wire(a.id, b.id);
    this.core.say(`${a.id} does not reach ${b.id}${oneWay ? '' : ' nor the other way'} for ${forMs.toFixed(0)} ms`);
    const [to, back] = wire.ends[0] === a.id ? ([0, 1] as const) : ([1, 0] as const);
    wire.blocked[to] = true;
    if (!oneWay) wire.blocked[back] = true;
    this.links.listen(b.id, a.id);
    if (!oneWay) this.links.listen(a.id, b.id);
    this.core.time.at(forMs, () => {
      wire.blocked[to] = false;
      wire.blocked[back] = false;
      this.lastAt = this.core.time.now;
      for (const one of [a, b]) if (one.inside) this.training.tryStep(one.inside);
    });
  }

  #one<Item>(items: readonly Item[]): Item | undefined {
    return items[Math.floor(this.core.random() * items.length)];
  }
}
