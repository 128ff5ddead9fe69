/** Text sampled from the model. It comes from a model that anybody may have trained: shown as text, never as markup. */
import { messages } from '../messages';
import { count } from '../state/format';
import type { TabStatus } from '../tab';

export function Sample({ sample }: { readonly sample: TabStatus['sample'] }) {
  if (!sample) return <p class="empty">{messages.sample.empty}</p>;
  return (
    <>
      <blockquote class="sample">{sample.text}</blockquote>
      <p class="note">{messages.sample.at(count(sample.step))}</p>
    </>
  );
}
