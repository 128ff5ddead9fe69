/** What every scene is given. */
import type { Show } from '../show/show';

export interface SceneProps {
  readonly show: Show;
  /** Changes when the colours do, so that canvases are drawn anew. */
  readonly look: string;
}
