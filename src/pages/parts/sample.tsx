/** Text sampled from the model. It comes from a model that anybody may have trained: shown as text, never as markup. */
import { messages } from '../messages';
import { count } from '../state/format';
import type { TabStatus } from '../tab';

interface Props {
  readonly sample: TabStatus['sample'];
  /** Name of the peer that writes, where it is not this tab. */
  readonly writer: string | undefined;
}

export function Sample({ sample, writer }: Props) {
  if (!sample) {
    return <p class="empty">{writer === undefined ? messages.sample.empty : messages.sample.elsewhere(writer)}</p>;
  }
  return (
    <>
      <blockquote class="sample">{sample.text.trimStart()}</blockquote>
      <p class="note">{messages.sample.at(count(sample.step))}</p>
    </>
  );
}
