/**
 * A banner with a sentence that must not be missed and says what to do; and the news, which is announced without
 * interrupting.
 */
import { messages } from '../messages';

interface Props {
  readonly sentence: string;
  readonly kind: 'problem' | 'note';
  readonly onDismiss?: () => void;
}

export function Banner({ sentence, kind, onDismiss }: Props) {
  if (sentence === '') return null;
  return (
    <div class={`banner banner-${kind}`} translate={false} role={kind === 'problem' ? 'alert' : 'status'}>
      <p>{sentence}</p>
      {onDismiss && (
        <button type="button" class="button button-quiet" onClick={onDismiss}>
          {messages.share.close}
        </button>
      )}
    </div>
  );
}

/** The latest news of the room. Screen readers read it aloud when they are free; the page shows it, too. */
export function News({ news }: { readonly news: readonly string[] }) {
  return (
    <p class="news" translate={false} role="status" aria-live="polite">
      {news.at(-1) ?? ''}
    </p>
  );
}
