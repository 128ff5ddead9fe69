/** A sentence that must not be missed, with the way out in it; and the quiet voice for screen readers. */
import { messages } from '../messages';

interface Props {
  readonly sentence: string;
  readonly kind: 'problem' | 'note';
  readonly onDismiss?: () => void;
}

export function Banner({ sentence, kind, onDismiss }: Props) {
  if (sentence === '') return null;
  return (
    <div class={`banner banner-${kind}`} role={kind === 'problem' ? 'alert' : 'status'}>
      <p>{sentence}</p>
      {onDismiss && (
        <button type="button" class="button button-quiet" onClick={onDismiss}>
          {messages.share.close}
        </button>
      )}
    </div>
  );
}

/** The newest thing that happened in the room, read aloud when the reader is free and shown for everybody else. */
export function News({ news }: { readonly news: readonly string[] }) {
  return (
    <p class="news" role="status" aria-live="polite">
      {news.at(-1) ?? ''}
    </p>
  );
}
