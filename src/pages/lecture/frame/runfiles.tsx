/** Buttons for run files: replay the site's run or one's own, save the run on screen. */
import { useRef } from 'preact/hooks';
import { canSave, replay, save } from '../show/runfiles';
import type { Show } from '../show/show';
import { words } from '../words';

export function Runs({ show }: { readonly show: Show }) {
  const input = useRef<HTMLInputElement>(null);
  const { runs } = words;
  const open = (event: Event) => {
    const file = (event.currentTarget as HTMLInputElement).files?.[0];
    if (file) void replay(show, file);
  };
  return (
    <section class="runs" aria-label={runs.heading}>
      <button type="button" class="button" onClick={() => void replay(show)}>
        {runs.replay}
      </button>
      <button type="button" class="button" onClick={() => input.current?.click()}>
        {runs.open}
      </button>
      <input ref={input} type="file" accept=".tabtrain" aria-label={runs.open} hidden onChange={open} />
      <button type="button" class="button" disabled={!canSave(show)} onClick={() => void save(show, 'run')}>
        {runs.saveRun}
      </button>
      <button type="button" class="button" onClick={() => void save(show, 'trace')}>
        {runs.saveTrace}
      </button>
    </section>
  );
}
