/** The row of buttons that lead to the scenes. */
import { useEffect, useRef } from 'preact/hooks';
import { SCENES } from '../models/choice/plans';
import type { Show } from '../show/show';
import { words } from '../words';

export function Nav({ show }: { readonly show: Show }) {
  const scene = show.scene.value;
  const row = useRef<HTMLOListElement>(null);
  // why: on a phone the row is wider than the screen
  useEffect(() => {
    row.current?.children[SCENES.indexOf(scene)]?.scrollIntoView({ block: 'nearest', inline: 'center' });
  }, [scene]);
  if (show.hidden.value) return null;
  return (
    <header class="nav">
      <nav aria-label={words.title}>
        <ol ref={row}>
          {SCENES.map((one, index) => (
            <li key={one}>
              <button
                type="button"
                class="nav-scene"
                data-scene={one}
                aria-current={one === scene ? 'page' : undefined}
                onClick={() => show.go(one)}
              >
                <b>{index + 1}</b> <span>{words.scenes[one].name}</span>
              </button>
            </li>
          ))}
        </ol>
      </nav>
    </header>
  );
}
