/** A question to the room in place of the scene: the votes as bars, and after the reveal the answer. */
import type { Guess } from '../show/guess';
import { guessWords as text } from '../words/questions';

export function GuessPanel({ guess }: { readonly guess: Guess }) {
  const question = guess.question.value;
  if (!question) return null;
  const { options, outcome } = question;
  const counts = guess.counts.value;
  const total = counts.reduce((sum, votes) => sum + votes, 0);
  const hasMore = guess.questionsOf(guess.show.scene.value).length > 1;
  return (
    <section class="guess" aria-labelledby="guess">
      <p class="muted">{text.heading}</p>
      <h2 id="guess">{question.text}</h2>
      <ol class="guess-bars">
        {options.map((option, index) => {
          const isRight = outcome?.right === index;
          const votes = counts[index] ?? 0;
          return (
            <li key={option} class={isRight ? 'right' : ''}>
              <span>{option}</span>
              <span class="guess-track" aria-hidden="true">
                <i style={{ width: `${(100 * votes) / Math.max(1, total)}%` }} />
              </span>
              <b data-figure={`votes-${index}`} data-value={votes}>
                {votes}
              </b>
              <em>{isRight ? text.right : ''}</em>
            </li>
          );
        })}
      </ol>
      {outcome && (
        <p class="guess-why" role="status">
          {outcome.why}
        </p>
      )}
      <div class="picks">
        <span class="nav-count">{text.votes(total)}</span>
        {!outcome && (
          <button
            type="button"
            class="button button-go"
            disabled={guess.isRevealing.value}
            onClick={() => void guess.reveal()}
          >
            {guess.isRevealing.value ? text.revealing : text.reveal}
          </button>
        )}
        {hasMore && (
          <button type="button" class="button" onClick={() => guess.next()}>
            {text.next}
          </button>
        )}
        <button type="button" class="button" onClick={() => guess.close()}>
          {text.close}
        </button>
        {guess.isRevealing.value && <span class="muted">{text.needs}</span>}
      </div>
    </section>
  );
}
