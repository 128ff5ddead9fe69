/**
 * The handling of one event: a copy of the state that the rules change, and the effects they ask for. The rules replace
 * collections and never mutate them, so the previous state stays unchanged.
 */
import type { PeerId } from '../../plan/mesh';
import type { Declaration, MembershipMessage, Report } from './declaration';
import { authorityOf, heldOf, holdersOf, isHere } from './election';
import type { Generation } from './membership';
import type { Effect, Elected, Setting, State } from './state';

type Draft = { -readonly [Field in keyof State]: State[Field] };

export class Turn {
  readonly state: Draft;
  readonly effects: Effect[] = [];
  /** When the next `time` event is due if no other event comes first. */
  wakeAt = Number.POSITIVE_INFINITY;

  constructor(
    readonly setting: Setting,
    private readonly before: State,
    readonly now: number,
  ) {
    this.state = { ...before };
  }

  get authority(): PeerId | undefined {
    return this.#elect().authority;
  }

  /** Whether this peer knows the newest generation whose state a peer here holds. */
  get isInformed(): boolean {
    return this.state.newest.number >= this.#elect().held;
  }

  /** Whether a willing peer holds a state of the run. */
  get isHeld(): boolean {
    return this.#elect().held > 0;
  }

  /** Cached, because it is read several times per event and depends on these fields alone. */
  #elect(): Elected {
    const { state, setting } = this;
    const { roster, spared, newest, lapsed, refusal, holds } = state;
    const { from } = state.elected;
    const isSame = roster === from?.roster && spared === from.spared && newest === from.newest;
    if (isSame && lapsed === from.lapsed && refusal === from.refusal && holds === from.holds) return state.elected;
    const of = { roster, spared, newest, lapsed, refusal, holds };
    state.elected = { from: of, authority: authorityOf(state, setting), held: heldOf(state, setting) };
    return state.elected;
  }

  get isWilling(): boolean {
    return this.state.roster.get(this.setting.self)?.state === 'willing';
  }

  isChanged(...fields: readonly (keyof State)[]): boolean {
    for (const field of fields) if (this.state[field] !== this.before[field]) return true;
    return false;
  }

  /** Whether the time `at` has come; if not, schedule a `time` event for it. */
  by(at: number): boolean {
    if (at <= this.now) return true;
    this.wakeAt = Math.min(this.wakeAt, at);
    return false;
  }

  tell(to: PeerId, message: MembershipMessage): void {
    this.effects.push({ f: 'tell', to, message });
  }

  /** The peers that are here, those included that only a link shows. */
  others(): readonly PeerId[] {
    return [...this.state.roster.keys(), ...this.state.spared.keys()].filter((peer) => peer !== this.setting.self);
  }

  /** The report of this peer now, without its number. */
  facts(): Omit<Report, 'seq'> {
    const { newest, entered, broke, lost, place, links } = this.state;
    return { heard: newest.number, by: newest.authority, entered, broke, lost, waiting: place.is === 'border', links };
  }

  /** The other members of `generation`; none where this peer is not a member. */
  partners({ peers }: Generation): readonly PeerId[] {
    const { self } = this.setting;
    return peers.includes(self) ? peers.filter((peer) => peer !== self) : [];
  }

  isWhole(generation: Generation): boolean {
    return this.partners(generation).every((peer) => this.state.links.includes(peer) && isHere(this.state, peer));
  }

  /** Abort the trainer's generation: it cannot finish its step. No effect outside a generation or after an abort. */
  abort(lost: PeerId, reason: string): void {
    const { place } = this.state;
    if (place.is !== 'inside' || place.aborted) return;
    const { number } = place.generation;
    this.state.place = { ...place, aborted: true };
    this.state.broke = Math.max(this.state.broke, number);
    this.state.lost = lost;
    this.effects.push({ f: 'abort', number, lost, reason });
  }

  accept(declaration: Declaration): void {
    const { state } = this;
    const { newest, place } = state;
    const isTie = declaration.number === newest.number && declaration.authority !== newest.authority;
    // why: this peer will not enter that generation any more, and a member inside it would wait for this peer
    const isPassed = newest.number > state.entered && newest.peers.includes(this.setting.self);
    if (isPassed && newest.number > state.broke) state.broke = newest.number;
    state.holders = holdersOf(state, Math.max(state.broke, declaration.broken));
    state.newest = declaration;
    state.change = {};
    state.dueAt = undefined;
    state.isTied = false;
    if (place.is !== 'inside') return;
    if (isTie && place.generation.number === declaration.number) this.abort('', 'another generation of its number won');
    else if (place.generation.number <= declaration.broken) this.abort(declaration.lost, 'the room goes on without it');
  }
}
