/** Keeps the text of a field while a person edits it, even if the page is drawn again ten times a second meanwhile. */
import { useState } from 'preact/hooks';

interface Draft {
  readonly value: string;
  onInput(event: { readonly currentTarget: HTMLInputElement }): void;
  onChange(event: { readonly currentTarget: HTMLInputElement }): void;
}

/**
 * Props for an `<input>` that shows `value`. `onCommit` is called when the person is done (presses Enter or leaves the
 * field) and the text differs. If the text is refused, the field shows `value` again.
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
