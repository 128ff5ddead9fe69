/** What a rank of a room under the plan `auto` remembers from one generation to the next. */
import type { Lookout } from '../../../plan/lookout';
import type { Profile } from '../../../plan/measured';
import type { Pilot } from '../../../plan/pilot';
import type { PlanTrial } from '../../../plan/plantrial';
import type { ProbedRoom } from '../../../plan/probed';
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
  /** The slowest links of the room, and the peers as they were ranks then; null where they were not probed. */
  links: { readonly probed: ProbedRoom; readonly peers: readonly string[] } | null;
  /** On the rank that has chosen. */
  pilot: Pilot | null;
  news: AutoNews | null;
  /** The step times of the plans that these peers have run, as the rank that chooses measured them. */
  trial: PlanTrial;
}
