/** Text of a field that is the person's own until they are done: the page may be drawn again ten times a second meanwhile. */
import { useState } from 'preact/hooks';

interface Draft {
  readonly value: string;
  onInput(event: { readonly currentTarget: HTMLInputElement }): void;
  onChange(event: { readonly currentTarget: HTMLInputElement }): void;
}

/**
 * Props for an `<input>` that shows `value`. `onCommit` is called when the person is done (Enter, or elsewhere) and the
 * text differs; where it is refused, the field shows `value` again.
 */
export function useDraft(value: string, onCommit: (text: string) => void): Draft {
  const [draft, setDraft] = useState<string | null>(null);
  return {
    value: draft ?? value,
    onInput: ({ currentTarget }) => setDraft(currentTarget.value),
    onChange: ({ currentTarget }) => {
      setDraft(null);
      if (currentTarget.value !== value) onCommit(currentTarget.value);
    },
  };
}
