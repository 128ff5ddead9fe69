/** Keys of a page: separates keys for the page from keys for the focused field or button, or for the browser. */
import { useEffect } from 'preact/hooks';

/**
 * Performs the action of `key`; returns false if it has none. `isOnControl`: the focus is on a button, link or slider.
 */
type KeyAct = (key: string, isOnControl: boolean) => boolean;

/** `act` must depend on nothing but `about`: a new `act` is used only when `about` changes. */
export function useKeys(act: KeyAct, about: unknown): void {
  useEffect(() => {
    const onKey = (event: KeyboardEvent) => {
      const isOnControl =
        (event.target as HTMLElement | null)?.closest('button, a, [role=slider], input:focus-visible') !== null;
      if (isFree(event) && act(event.key, isOnControl)) event.preventDefault();
    };
    // why: after a mouse click, Space must reach the page and not press the clicked button again, and arrows must not
    // turn the clicked switch: with the next key pressed, a browser counts its focus as a focus by keyboard
    const onClick = (event: MouseEvent) => {
      const controls = 'button, a, [type=radio], [type=checkbox]';
      const control = event.detail > 0 ? (event.target as HTMLElement).closest<HTMLElement>(controls) : null;
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

/** True if the key was not meant for a field or for the browser. */
function isFree(event: KeyboardEvent): boolean {
  if (event.ctrlKey || event.metaKey || event.altKey) return false;
  const field = (event.target as HTMLElement | null)?.closest<HTMLElement>('input, textarea, select');
  if (!field) return true;
  if (!field.matches('[type=radio], [type=checkbox], [type=range]')) return false;
  // why: arrows move a slider, or a switch that was focused by keyboard
  return !event.key.startsWith('Arrow') || !field.matches('[type=range], :focus-visible');
}
