/** The connections of a world: they open, break, fall silent, and heartbeats find out. */
import type { Core, Node, Wire } from './core';

/** As in net/wire: silence is counted in steps of `tickMs`, and a heartbeat comes at every second of them. */
const HEARTBEAT = { suspectMs: 3_000, deadMs: 5_000, tickMs: 500 };

export class Links {
  readonly #wires = new Map<string, Map<string, Wire>>();

  constructor(private readonly core: Core) {}

  wire(a: string, b: string): Wire {
    const low = a < b ? a : b;
    const high = a < b ? b : a;
    const known = this.#wires.get(low)?.get(high);
    if (known) return known;
    const ofLow = this.#wires.get(low) ?? new Map<string, Wire>();
    this.#wires.set(low, ofLow);
    const wire: Wire = { ends: [low, high], up: [false, false], blocked: [false, false] };
    ofLow.set(high, wire);
    return wire;
  }

  all(): Wire[] {
    return [...this.#wires.values()].flatMap((ofLow) => [...ofLow.values()]);
  }

  passes(from: string, to: string): boolean {
    const [a, b] = [this.core.nodes.get(from), this.core.nodes.get(to)];
    if (!a?.alive || !b?.alive || a.frozen || b.frozen || a.isolated || b.isolated) return false;
    const wire = this.wire(from, to);
    return !wire.blocked[wire.ends[0] === from ? 0 : 1];
  }

  /** A link opens once both ends want it, its signals pass and both are awake. */
  connect(a: string, b: string): void {
    const wire = this.wire(a, b);
    this.core.time.at(60 + this.core.random() * 240, () => {
      const [x, y] = [this.core.nodes.get(a), this.core.nodes.get(b)];
      if (!x?.alive || !y?.alive || wire.up[0] || wire.up[1]) return;
      if (!x.state.wanted.includes(b) || !y.state.wanted.includes(a)) return;
      if (x.muted || y.muted || !this.passes(a, b) || !this.passes(b, a)) {
        this.core.time.at(400, () => this.connect(a, b));
        return;
      }
      wire.ends.forEach((end, side) => {
        wire.up[side as 0 | 1] = true;
        const other = wire.ends[1 - side]!;
        this.core.time.at(this.core.random() * 15, () => {
          if (wire.up[side as 0 | 1]) this.core.happen(this.core.nodes.get(end)!, { e: 'linked', peer: other });
        });
      });
      this.core.say(`${wire.ends.join('|')} is up`);
    });
  }

  /** One end closes the link. The other is told if messages can pass, else its own heartbeats show it. */
  cut(end: string, other: string, reason: string): void {
    const wire = this.wire(end, other);
    const side = wire.ends[0] === end ? 0 : 1;
    if (!wire.up[side]) return;
    wire.up[side] = false;
    this.core.say(`${end} ends its link to ${other}: ${reason}`);
    const node = this.core.nodes.get(end)!;
    this.core.happen(node, { e: 'unlinked', peer: other, reason });
    if (!wire.up[1 - side]) this.connect(end, other);
    else if (this.passes(end, other))
      this.core.time.at(5 + this.core.random() * 20, () => this.cut(other, end, 'closed'));
    else this.listen(other, end);
  }

  /** From now on `end` may hear nothing from `other`; its heartbeats find out. */
  listen(end: string, other: string): void {
    const wire = this.wire(end, other);
    const side = wire.ends[0] === end ? 0 : 1;
    const jitter = this.core.random() * HEARTBEAT.tickMs;
    let heardAt = this.core.time.now;
    const check = () => {
      const node = this.core.nodes.get(end);
      if (!node?.alive || !wire.up[side]) return;
      const isOpen = wire.up[1 - side] && this.passes(other, end);
      if (isOpen && !node.frozen) return;
      // why: messages that came while it was frozen are still to be read, so this time does not count as silence
      if (node.frozen) heardAt = this.core.time.now;
      const silentMs = this.core.time.now - heardAt;
      if (silentMs >= HEARTBEAT.deadMs) this.cut(end, other, 'silent');
      else {
        if (silentMs >= HEARTBEAT.suspectMs && silentMs < HEARTBEAT.suspectMs + HEARTBEAT.tickMs) {
          this.core.happen(node, { e: 'suspect', peer: other });
        }
        this.core.time.at(HEARTBEAT.tickMs, check);
      }
    };
    this.core.time.at(jitter, check);
  }

  question(node: Node, peer: string): void {
    this.core.time.at(700, () => {
      if (!node.frozen && !this.passes(peer, node.id)) this.cut(node.id, peer, 'it left the room');
    });
  }
}
