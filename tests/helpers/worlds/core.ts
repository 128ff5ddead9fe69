/** What the parts of a world share: its peers, its connections, its time and its chance. */
import type { Generation } from '../../../src/net/membership/membership';
import type { Event, Setting, State } from '../../../src/net/membership/state';
import type { Presence } from '../../../src/net/signaling/signaling';
import type { VirtualTime } from './time';

export class Violation extends Error {}

/** What goes wrong in a world besides joins. */
export const KINDS = ['calm', 'deaths', 'failures', 'freezes', 'guests', 'links', 'signaling', 'everything'] as const;
export type Kind = (typeof KINDS)[number];

export interface Node {
  readonly id: string;
  readonly setting: Setting;
  presence: Presence;
  state: State;
  alive: boolean;
  frozen: boolean;
  /** Its trainer has failed and has not come back. */
  failed: boolean;
  /** It reaches the server but no peer. */
  isolated: boolean;
  /** Its socket is silent: nothing goes in or out, and after a while the server takes it for gone. */
  muted: boolean;
  inside: Generation | undefined;
  aborted: boolean;
  /** Committed steps of the state it holds, -1 without any. */
  step: number;
  /** The run that these steps belong to. Peers that no medium connects begin one each; where they meet, one run stays. */
  history: number;
  wakeAt: number;
  timerAt: number;
  /** From this time on all peers know of it and it knows of all. */
  heardAt: number;
  /** Events that it receives when it thaws. */
  held: Array<() => void>;
}

/** Both ends' view of one connection; silence is counted from `silentSince` per end. */
export interface Wire {
  readonly ends: readonly [string, string];
  readonly up: [boolean, boolean];
  /** True if the direction ends[0] -> ends[1], or the one back, passes nothing. */
  readonly blocked: [boolean, boolean];
}

export interface Core {
  readonly seed: number;
  readonly kind: Kind;
  readonly nodes: ReadonlyMap<string, Node>;
  readonly time: VirtualTime;
  readonly random: () => number;
  /** Note a line for whoever replays the world. */
  say(text: string): void;
  /** Let an event reach a peer's machine. */
  happen(node: Node, event: Event): void;
}
