/**
 * The state of the room page that its lecturer drives: the room, the run it will start, and the open panel. Holds no
 * DOM.
 */
import { batch, computed, signal } from '@preact/signals';
import { newSecret } from '../../net/signaling/roomkey';
import { LECTURE_CHOICE } from '../lecture/show/address';
import type { LiveRoom } from '../lecture/show/liveroom';
import { readFragment, writeFragment } from '../state/fragment';
import { type Person, peopleOf } from '../state/people';
import { PRESETS, type PresetName, presetOf, type RunChoice, runFileOf } from '../state/runchoice';
import type { Presence } from '../tab';
import { words } from './words';

type Panel = '' | 'help' | 'qr' | 'network';

export interface RoomPerson extends Person {
  /** How this page, or the other ranks, are connected to this person. */
  readonly reach: 'direct' | 'relayed' | 'none';
  readonly lecturer: boolean;
}

const NOBODY: ReadonlyMap<string, Presence> = new Map();

export class RoomDesk {
  readonly secret: string;
  readonly choice;
  readonly room = signal<LiveRoom | null>(null);
  readonly panel = signal<Panel>('');
  readonly problem = signal('');
  readonly said = signal('');
  readonly people = computed(() => this.#people());
  /** The link that students open. */
  readonly link: string;
  readonly lectureLink: string;
  readonly preset = computed(() => presetOf(this.choice.value));

  constructor(here: Location) {
    const { secret, choice, hasChoice, refused } = readFragment(here.hash);
    this.secret = secret ?? newSecret();
    this.choice = signal<RunChoice>(hasChoice ? choice : LECTURE_CHOICE);
    this.problem.value = refused.join(' ');
    this.link = new URL(`./${writeFragment(this.secret, null)}`, here.href).href;
    this.lectureLink = new URL(`./lecture.html${writeFragment(this.secret, null)}`, here.href).href;
  }

  get address(): string {
    return writeFragment(this.secret, this.choice.value);
  }

  setPreset(name: PresetName): void {
    this.choice.value = { ...this.choice.value, ...PRESETS[name] };
  }

  /** Trains the chosen model with everybody who has joined; people who join later are added. */
  start(): void {
    const { source, ...rest } = this.choice.value;
    const run = runFileOf({ ...rest, plan: 'ddp', source: source === 'own' ? 'moby-dick' : source }, '');
    this.room.value?.commands.start(run);
  }

  /** Pauses a run that trains, resumes a paused one. */
  pause(): void {
    const room = this.room.value;
    if (room?.feed.run.value) room.commands.pause(!room.paused.value);
  }

  lock(): void {
    const room = this.room.value;
    if (room) room.commands.lock(!room.locked.value);
  }

  toggle(panel: Panel): void {
    this.panel.value = this.panel.value === panel ? '' : panel;
  }

  async copy(): Promise<void> {
    try {
      await navigator.clipboard.writeText(this.link);
      batch(() => {
        this.said.value = words.copied;
        this.problem.value = '';
      });
    } catch {
      this.problem.value = words.copyFailed;
    }
  }

  #people(): readonly RoomPerson[] {
    const room = this.room.value;
    if (!room) return [];
    const ranks = room.feed.ranks.value;
    const roster = room.roster.value ?? NOBODY;
    const seen = { members: ranks.filter(({ peer }) => roster.has(peer)).map(({ peer }) => peer), links: [] };
    const linked = room.feed.linked.value;
    return peopleOf(room.self, roster, seen)
      .filter(({ me }) => !me)
      .map((person) => {
        const rank = ranks.find(({ peer }) => peer === person.peer);
        const relayed = rank?.links.some(({ kind }) => kind === 'relayed');
        const lecturer = roster.get(person.peer)?.watch ?? false;
        const reach = relayed ? 'relayed' : (linked.get(person.peer) ?? 'none');
        const state = room.paused.value && person.rank !== null ? 'paused' : person.state;
        return {
          ...person,
          state,
          rank: rank?.rank ?? null,
          adapter: rank?.adapter || person.adapter,
          reach,
          lecturer,
        };
      });
  }
}
