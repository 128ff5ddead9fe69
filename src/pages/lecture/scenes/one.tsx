/** Scene 1: one step of one tab. */
import type { SceneProps } from '../app';
import { words } from '../words';

export function OneScene({ show }: SceneProps) {
  return <p class="soon">{words.scenes[show.scene.value].claim}</p>;
}
