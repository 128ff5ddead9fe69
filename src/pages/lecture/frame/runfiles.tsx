/** Runs as files: replay the one of the site or one's own, save what is on screen. */
import { useRef } from 'preact/hooks';
import type { Show } from '../show/show';
import { words } from '../words';

export function Runs({ show }: { readonly show: Show }) {
  const input = useRef<HTMLInputElement>(null);
  const { runs } = words;
  const open = (event: Event) => {
    const file = (event.currentTarget as HTMLInputElement).files?.[0];
    if (file) void show.replay(file);
  };
  return (
    <section class="runs" aria-label={runs.heading}>
      <button type="button" class="button" onClick={() => void show.replay()}>
        {runs.replay}
      </button>
      <button type="button" class="button" onClick={() => input.current?.click()}>
        {runs.open}
      </button>
      <input ref={input} type="file" accept=".tabtrain" aria-label={runs.open} hidden onChange={open} />
      <button type="button" class="button" disabled={!show.canSave} onClick={() => void show.save('run')}>
        {runs.saveRun}
      </button>
      <button type="button" class="button" onClick={() => void show.save('trace')}>
        {runs.saveTrace}
      </button>
    </section>
  );
}
