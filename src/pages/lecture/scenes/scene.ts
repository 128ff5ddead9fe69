/** What every scene of the lecture is given. */
import type { Show } from '../show';

/** Every scene gets the lecture and the look (which changes when the colours do). */
export interface SceneProps {
  readonly show: Show;
  readonly look: string;
}
