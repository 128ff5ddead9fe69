/** The live room as the lecture drives it; show/liveroom.ts opens one. */
import type { ReadonlySignal } from '@preact/signals';
import type { PeerId } from '../../tab';
import type { Commands, Feed } from '../facts/feed';
import type { Recorder } from '../feeds/recorder';

/** What the lecture needs of a live room (liveroom.ts). */
export interface Live {
  readonly feed: Feed;
  readonly commands: Commands;
  readonly recorder: Recorder;
  /** Tabs that are here to train, in a generation or not. */
  readonly seats: ReadonlySignal<number>;
  /** The machine of each of them, where it is known. */
  readonly machines: ReadonlySignal<ReadonlyArray<string | undefined>>;
  /** Tabs that share their machine with another one that is here to train. */
  readonly crowded: ReadonlySignal<readonly PeerId[]>;
  readonly problem: ReadonlySignal<string>;
  readonly note: ReadonlySignal<string>;
  readonly news: ReadonlySignal<readonly string[]>;
}
