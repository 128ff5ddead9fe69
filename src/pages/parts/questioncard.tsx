/** A lecturer's question on the page of somebody in the room: a vote by one press, and the answer once it is revealed. */
import { useState } from 'preact/hooks';
import type { AskedQuestion } from '../state/people';
import type { PeerId, Vote } from '../tab';

// why not in messages.ts: that is a part of the first page, and only rooms with a lecturer need this
const text = {
  heading: 'The room guesses',
  waits: 'Your vote is in. You can change it until the answer is shown.',
  press: 'Press what you expect.',
  right: 'right',
};

interface Props {
  readonly asked: AskedQuestion;
  readonly onVote: (to: PeerId, vote: Vote) => void;
}

export function QuestionCard({ asked: { from, question }, onVote }: Props) {
  const [mine, setMine] = useState<Vote | null>(null);
  const { id, options, outcome } = question;
  const chosen = mine?.id === id ? mine.choice : -1;
  const press = (choice: number) => {
    const vote: Vote = { t: 'vote', id, choice };
    setMine(vote);
    onVote(from, vote);
  };
  return (
    <section class="card question" aria-labelledby="question" translate={false}>
      <p class="note">{text.heading}</p>
      <h2 id="question">{question.text}</h2>
      <ol>
        {options.map((option, choice) => (
          <li key={choice} class={outcome?.right === choice ? 'right' : ''}>
            <button
              type="button"
              class="button"
              aria-pressed={choice === chosen}
              disabled={outcome !== undefined}
              onClick={() => press(choice)}
            >
              {option}
            </button>
            {outcome && <span>{outcome.votes[choice] ?? 0}</span>}
            {outcome?.right === choice && <b>{text.right}</b>}
          </li>
        ))}
      </ol>
      <p role="status">{outcome ? outcome.why : chosen < 0 ? text.press : text.waits}</p>
    </section>
  );
}
