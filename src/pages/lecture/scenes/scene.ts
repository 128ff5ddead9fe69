/** The properties of every scene. */
import type { Show } from '../show/show';

export interface SceneProps {
  readonly show: Show;
  /** Changes with the colour scheme, so that canvases are drawn again. */
  readonly look: string;
}
