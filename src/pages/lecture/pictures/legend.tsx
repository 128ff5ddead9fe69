/** The legend of a timeline; lists only the passes that are drawn. */
import type { GanttPass } from '../models/time/gantt';
import { words } from '../words';

const ORDER: readonly GanttPass[] = ['F', 'B', 'I', 'W'];

export function Legend({ passes }: { readonly passes: readonly GanttPass[] }) {
  const names = words.pipeline.legend;
  return (
    <div class="legend">
      {ORDER.filter((pass) => passes.includes(pass)).map((pass) => (
        <span key={pass}>
          <i class={`key key-${pass}`} aria-hidden="true" />
          {names[pass]}
        </span>
      ))}
      <span>
        <i class="key key-wait" aria-hidden="true" />
        {names.wait}
      </span>
    </div>
  );
}
