/** Text sampled from the model. Anybody may have trained the model, so it is shown as text, never as markup. */
import { isModelOnEach } from '../../plan/plan';
import { messages } from '../messages';
import { count } from '../state/format';
import type { Person } from '../state/people';
import type { TabStatus } from '../tab';

type Status = Pick<TabStatus, 'sample' | 'plan' | 'phase'>;

interface Props {
  readonly status: Status;
  readonly people: readonly Person[];
}

export function Sample({ status, people }: Props) {
  const { sample } = status;
  if (!sample) return <p class="empty">{whyNone(status, people)}</p>;
  return (
    <>
      <blockquote class="sample">{sample.text.trimStart()}</blockquote>
      <p class="note">{messages.sample.at(count(sample.step))}</p>
    </>
  );
}

/** Says where the text can be found, or why there is none. */
function whyNone({ plan, phase }: Status, people: readonly Person[]): string {
  const words = messages.sample;
  const isMember = people.some(({ rank, me }) => me && rank !== null);
  const writer = people.find(({ rank, me }) => rank === 0 && !me);
  if (isMember && plan && !isModelOnEach(plan)) return words.cut;
  if (writer) return words.elsewhere(writer.name);
  return !isMember && plan && phase === 'waiting' ? words.reserve : words.empty;
}
