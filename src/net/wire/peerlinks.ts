/**
 * The links to one peer: one in use, and around a change of ways up to two more. While a relayed link is in use, a direct
 * one may be opening; when both ends hear each other on it, messages go that way, and the relayed link ends once
 * everything sent on it has arrived. Tags name messages by content, so their order on two ways does not matter.
 */
import type { PeerId } from '../../plan/mesh';
import { type Channel, Link, type LinkEvents } from './link';
import type { LinkKind, LinkStats } from './transport';

type Counts = Pick<LinkStats, 'bytesSent' | 'bytesReceived' | 'dropped'>;

export class PeerLinks {
  /** The link in use; undefined before the first and after the loss of the last. */
  #current: Link | undefined;
  #opening: Link | undefined;
  readonly #retired = new Set<Link>();
  /** Counters of retired links that have ended. */
  #past: Counts = { bytesSent: 0, bytesReceived: 0, dropped: 0 };

  /** `events`: of the link in use; `deliver` and `said` of all. */
  constructor(
    readonly peer: PeerId,
    private readonly events: Omit<LinkEvents, 'heard' | 'bye'>,
  ) {}

  get current(): Link | undefined {
    return this.#current;
  }

  get all(): readonly Link[] {
    return [this.#current, this.#opening, ...this.#retired].filter((link) => link !== undefined);
  }

  /** Whether a link over these channels would stand beside the present one, not in its place. */
  joins(kind: LinkKind): boolean {
    if (kind === 'relayed') return this.#current?.kind === 'direct' && !this.#current.isOpen;
    return kind === 'direct' && this.#current?.kind === 'relayed';
  }

  /** Make a link. End the links before it unless it joins them. */
  add(bulk: Channel, control: Channel, kind: LinkKind): Link {
    const joins = this.joins(kind);
    if (!joins) this.end('a newer connection took its place');
    const link: Link = new Link(this.peer, bulk, control, kind, {
      ...this.events,
      opened: () => {
        this.#changeTo(link);
        this.events.opened();
      },
      heard: () => this.#changeTo(link),
      bye: () => {
        // why: the other end receives from this one on the new link, and has sent its last frame on the old one
        if (link === this.#current && this.#opening?.isOpen) this.#change(this.#opening);
      },
      suspect: (isSuspect) => {
        if (link === this.#current) this.events.suspect(isSuspect);
      },
      lost: (reason) => this.#lose(link, reason),
    });
    if (joins && kind === 'direct') {
      this.#opening?.end('a newer connection took its place');
      this.#opening = link;
    } else {
      this.#opening = joins ? this.#current : undefined;
      this.#current = link;
      this.#opening?.giveTo(link);
    }
    return link;
  }

  end(reason: string): void {
    this.#current?.end(reason);
  }

  /** The counters of all links; round trip, window and kind of the one in use. */
  get stats(): LinkStats | undefined {
    if (!this.#current) return undefined;
    const stats = { ...this.#current.stats };
    for (const counts of [this.#past, ...[...this.#retired].map((link) => link.stats)]) addTo(stats, counts);
    return stats;
  }

  /** Change to `link` if it is opening and both ends hear each other on it. */
  #changeTo(link: Link): void {
    if (link === this.#opening && link.isOpen && link.heard > 0) this.#change(link);
  }

  #change(link: Link): void {
    const before = this.#current!;
    this.#opening = undefined;
    this.#current = link;
    this.#retired.add(before);
    before.giveTo(link);
    before.retire();
  }

  #lose(link: Link, reason: string): void {
    if (link === this.#opening) this.#opening = undefined;
    else if (this.#retired.delete(link)) addTo(this.#past, link.stats);
    else if (link === this.#current) {
      this.#current = undefined;
      for (const other of this.all) other.end(reason);
      this.#past = { bytesSent: 0, bytesReceived: 0, dropped: 0 };
      this.events.lost(reason);
    }
  }
}

function addTo(sum: { -readonly [name in keyof Counts]: number }, counts: Counts): void {
  sum.bytesSent += counts.bytesSent;
  sum.bytesReceived += counts.bytesReceived;
  sum.dropped += counts.dropped;
}
