/** Keys of a page: what is for the page and what is for the field, button or browser that has the focus. */
import { useEffect } from 'preact/hooks';

/** Do what `key` stands for; false for a key without a meaning. `isOnControl`: the focus is on a button, link or slider. */
export type KeyAct = (key: string, isOnControl: boolean) => boolean;

/** `act` reads `about` alone, which says when it changes. */
export function useKeys(act: KeyAct, about: unknown): void {
  useEffect(() => {
    const onKey = (event: KeyboardEvent) => {
      const isOnControl =
        (event.target as HTMLElement | null)?.closest('button, a, [role=slider], input:focus-visible') !== null;
      if (isFree(event) && act(event.key, isOnControl)) event.preventDefault();
    };
    // why: after a click with the mouse, Space is the page's and not the clicked button's once more
    const onClick = (event: MouseEvent) => {
      const control = event.detail > 0 ? (event.target as HTMLElement).closest<HTMLElement>('button, a') : null;
      control?.blur();
    };
    addEventListener('keydown', onKey);
    addEventListener('click', onClick);
    return () => {
      removeEventListener('keydown', onKey);
      removeEventListener('click', onClick);
    };
  }, [about]);
}

/** The key was not meant for a field or for the browser. */
function isFree(event: KeyboardEvent): boolean {
  if (event.ctrlKey || event.metaKey || event.altKey) return false;
  const field = (event.target as HTMLElement | null)?.closest<HTMLElement>('input, textarea, select');
  if (!field) return true;
  if (!field.matches('[type=radio], [type=checkbox], [type=range]')) return false;
  // why: arrows move a slider, and a switch for whoever came to it by keyboard; after a click they are the page's again
  return !event.key.startsWith('Arrow') || !field.matches('[type=range], :focus-visible');
}
