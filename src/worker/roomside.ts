/**
 * The room side of a rank: its links, the roster, and its membership while it takes part. The links outlive a
 * membership, so a tab that stops and takes part again keeps them.
 */
import { ProtocolError } from '../errors';
import { realClock } from '../net/clock';
import type { MembershipMessage } from '../net/membership/declaration';
import { RoomMembership } from '../net/membership/roommembership';
import { WantedLinks } from '../net/membership/wantedlinks';
import { NO_WAY } from '../net/room/connection';
import { cleanReason } from '../net/signaling/presence';
import type { Presence } from '../net/signaling/signaling';
import type { Channel } from '../net/wire/link';
import { type LinkTransport, linkTransport } from '../net/wire/links';
import type { LinkKind } from '../net/wire/transport';
import type { PeerId } from '../plan/mesh';
import { parsePlan } from '../plan/plan';
import { hashRunFile } from '../train/hash';
import { type LinkMode, linksOf, readRunFile } from '../train/runfile';
import type { RoomPort, StartOptions } from './api';
import { fitRun } from './fit';

/** A peer that is asked over a live link answers within this time, unless its Worker computes for longer without a break. */
const PROOF_OF_LIFE_MS = 700;

export class RoomSide {
  readonly transport: LinkTransport;
  #roster: ReadonlyMap<PeerId, Presence> = new Map();
  #linked: ReadonlySet<PeerId> = new Set();
  #membership: RoomMembership | undefined;
  /** True while the page ends or replaces a link. It knows then, and has to renew no connection. */
  #isByPage = false;
  readonly #wanted = new WantedLinks(realClock, (peers) => this.port.want(peers, this.#mode));
  /** The kind of links that the room's run names, and the hash of that run. */
  #mode: LinkMode = 'webrtc';
  #runHash = '';

  /** `onChange`: what the membership describes may have changed. */
  constructor(
    readonly self: PeerId,
    private readonly port: RoomPort,
    private readonly onChange: () => void,
  ) {
    this.transport = linkTransport({ self });
    this.transport.onPeers((present) => {
      const before = this.#linked;
      this.#linked = new Set(present);
      for (const peer of present) if (!before.has(peer)) this.#membership?.linked(peer);
    });
    this.transport.onSuspect((peer, isSuspect) => {
      if (isSuspect) this.#membership?.suspect(peer);
    });
    this.transport.onSaid((peer, text) => this.#hear(peer, text));
    this.transport.onLost((peer, reason) => {
      this.#membership?.unlinked(peer, reason);
      if (!this.#isByPage) this.port.renew(peer);
    });
  }

  addLink(peer: PeerId, bulk: Channel, control: Channel, kind: LinkKind): void {
    this.#byPage(() => this.transport.addLink(peer, bulk, control, kind));
  }

  /** The connection to `peer` is gone. */
  unlinked(peer: PeerId, reason: string): void {
    if (reason.startsWith(NO_WAY)) this.#membership?.noWay(peer, reason.slice(NO_WAY.length));
    this.#byPage(() => this.transport.drop(peer, reason));
  }

  /** The membership; undefined while this rank does not take part. */
  get membership(): RoomMembership | undefined {
    return this.#membership;
  }

  /** Names of the graphics adapters of `peers`, each once. */
  adaptersOf(peers: readonly PeerId[]): readonly string[] {
    const names = peers.map((peer) => this.#roster.get(peer)?.adapter ?? '');
    return [...new Set(names.filter((name) => name !== ''))];
  }

  machineOf(peer: PeerId): string | undefined {
    return this.#roster.get(peer)?.machine;
  }

  /** A signal page is here: only it changes the plan. */
  get hasSignalPage(): boolean {
    return [...this.#roster.values()].some(({ signal }) => signal);
  }

  setRoster(roster: readonly Presence[]): void {
    this.#roster = new Map(roster.map((presence) => [presence.peer, presence]));
    this.#membership?.setRoster(this.#roster);
  }

  receive(from: PeerId, message: unknown): void {
    try {
      this.#membership?.receive(from, message);
    } catch (error) {
      // A peer that breaks the protocol is ignored and must not stop the ones that keep it.
      if (!(error instanceof ProtocolError)) throw error;
    }
  }

  /** Announces that this peer is willing, and takes part in declaring generations. */
  async join({ self, build, run: text, expect }: StartOptions, adapter: string): Promise<RoomMembership> {
    const run = text === '' ? undefined : readRunFile(text);
    const hash = run ? await hashRunFile(run) : '';
    const membership = new RoomMembership({
      self,
      clock: realClock,
      firstReport: Date.now(),
      build,
      run: { text, hash },
      plan: run?.plan ?? parsePlan({}),
      fit: fitRun,
      send: (to, message) => this.#tell(to, message),
      holds: (holds) => this.port.announce({ holds }),
      left: (reason) => this.port.announce({ state: 'observer', left: cleanReason(reason) }),
      adopt: (hash) => this.port.announce({ run: hash }),
      question: (peer) => this.transport.question(peer, PROOF_OF_LIFE_MS, 'it left the room'),
      want: (peers) => {
        this.#followRun();
        this.#wanted.want(peers);
      },
      onChange: () => {
        this.#followRun();
        this.onChange();
      },
      ...(expect === undefined ? {} : { expect }),
    });
    this.#membership = membership;
    for (const peer of this.#linked) membership.linked(peer);
    membership.setRoster(this.#roster);
    this.port.announce({ state: 'willing', adapter, run: hash, holds: 0, left: '' });
    return membership;
  }

  /** Announces that this peer, which has failed, can take part again. */
  comeBack(adapter: string): void {
    this.port.announce({ state: 'willing', adapter, left: '' });
  }

  /** Takes part no more. The links stay for a while: other members may still be receiving the last frames. */
  leave(): void {
    this.port.announce({ state: 'observer', holds: 0 });
    this.#membership?.close();
    this.#membership = undefined;
    this.#wanted.leave();
  }

  #byPage(change: () => void): void {
    this.#isByPage = true;
    change();
    this.#isByPage = false;
  }

  /** A room may get its run after its links: they are then renewed as the run says. Without a run they stay. */
  #followRun(): void {
    const { run = '', runHash = '' } = this.#membership?.newest ?? {};
    if (runHash === '' || runHash === this.#runHash) return;
    this.#runHash = runHash;
    const mode = linksOf(run) ?? 'webrtc';
    if (mode === this.#mode) return;
    this.#mode = mode;
    this.#wanted.again();
  }

  /** Receives the same messages over the link, which still works when signaling does not. */
  #hear(from: PeerId, text: string): void {
    let message: unknown;
    try {
      message = JSON.parse(text);
    } catch {
      // not a message of this protocol: ignored
      return;
    }
    this.receive(from, message);
  }

  /** Sends both ways: either channel may be broken unnoticed, and receiving a message twice has no effect. */
  #tell(to: PeerId, message: MembershipMessage): void {
    this.transport.say(to, JSON.stringify(message));
    this.port.send(to, message);
  }
}
