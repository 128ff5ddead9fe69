/** What a rank of a room under the plan `auto` remembers from one generation to the next. */
import type { Links } from '../../plan/links';
import type { Lookout } from '../../plan/lookout';
import type { Profile } from '../../plan/measured';
import type { Pilot } from '../../plan/pilot';
import type { AutoNews } from './status';

export interface AutoMemory {
  /** Approximate plans may be taken. Pressed on the page of rank 0, and told to the others. */
  isAllowed: boolean;
  /** Null before the code that chooses is loaded. */
  known: Known | null;
}

export interface Known {
  readonly lookout: Lookout;
  /** The peers that `links` and `news` are about (lookout.ts, setOf). */
  peers: string;
  /** Of this rank; null until it has trained with the whole model. */
  profile: Profile | null;
  /** The slowest link of the room; null where it was not probed. */
  links: Links | null;
  /** On the rank that has chosen. */
  pilot: Pilot | null;
  news: AutoNews | null;
}
