/** The line at the top of every screen: the name, the latest news, and the choice of colours. */
import { messages } from '../messages';
import type { Theme } from '../state/settings';
import { News } from './banner';

const THEMES: readonly Theme[] = ['auto', 'light', 'dark'];

interface Props {
  readonly theme: Theme;
  readonly onTheme: (theme: Theme) => void;
  readonly news: readonly string[];
}

export function Header({ theme, onTheme, news }: Props) {
  return (
    <header class="top">
      <span class="brand">
        <Mark />
        {messages.brand}
      </span>
      <News news={news} />
      <a class="top-link" href="./lecture.html">
        {messages.lecture}
      </a>
      <div class="segments segments-small" role="radiogroup" aria-label={messages.theme.label}>
        {THEMES.map((name) => (
          <label key={name}>
            <input type="radio" name="theme" checked={theme === name} onChange={() => onTheme(name)} />
            <span>{messages.theme[name]}</span>
          </label>
        ))}
      </div>
    </header>
  );
}

/** Three tabs in a ring: the same drawing as public/icon.svg. */
function Mark() {
  return (
    <svg class="mark-brand" viewBox="0 0 32 32" aria-hidden="true">
      <circle cx="16" cy="16.5" r="10" class="mark-ring" />
      <circle cx="16" cy="6.5" r="4.6" class="mark-a" />
      <circle cx="24.7" cy="21.5" r="4.6" class="mark-b" />
      <circle cx="7.3" cy="21.5" r="4.6" class="mark-c" />
    </svg>
  );
}
