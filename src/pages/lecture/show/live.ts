/** The interface of a live room for the lecture page; show/liveroom.ts opens a room. */
import type { ReadonlySignal } from '@preact/signals';
import type { PeerId, Presence } from '../../tab';
import type { Commands, Feed } from '../facts/feed';
import type { Recorder } from '../feeds/recorder';

/** The part of a live room that the lecture page needs. */
export interface Live {
  readonly feed: Feed;
  readonly commands: Commands;
  readonly recorder: Recorder;
  /** Everybody in the room, this page included. */
  readonly roster: ReadonlySignal<ReadonlyMap<PeerId, Presence>>;
  /** Number of tabs that are willing to train, in a generation or not. */
  readonly seats: ReadonlySignal<number>;
  /** The machine of each of these tabs, undefined where unknown. */
  readonly machines: ReadonlySignal<ReadonlyArray<string | undefined>>;
  /** Tabs that share their machine with another tab that is willing to train. */
  readonly crowded: ReadonlySignal<readonly PeerId[]>;
  readonly problem: ReadonlySignal<string>;
  readonly note: ReadonlySignal<string>;
  readonly news: ReadonlySignal<readonly string[]>;
}
