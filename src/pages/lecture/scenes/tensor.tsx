/** Scene 5: the two matrices of a block cut over tabs, and what it costs: all-reduces counted in this run's messages. */
import { useMemo } from 'preact/hooks';
import { bytes } from '../../state/format';
import { tensorCounts } from '../models/tensor';
import { Choice } from '../parts/choice';
import { SplitView } from '../pictures/splitview';
import { percent, words } from '../words';
import type { SceneProps } from './scene';

const text = words.tensor;
const LATENCIES = [0, 5, 20, 50];

export function TensorScene({ show }: SceneProps) {
  const { plan, events, ranks } = show.moment.value;
  const counts = useMemo(() => tensorCounts(events), [events]);
  const tp = plan?.tp ?? 1;
  const isThere = tp > 1 && events.length > 0;
  return (
    <>
      {show.steers.value && (
        <div class="picks">
          <Choice
            label={words.pipeline.latency}
            values={LATENCIES}
            value={ranks[0]?.handicap.latencyMs ?? 0}
            nameOf={(ms) => `${ms}`}
            onChange={(latencyMs) => show.handicapAll({ latencyMs })}
          />
        </div>
      )}
      <div class="split-side">
        <div class="column">
          {tp > 1 ? <SplitView tp={tp} /> : <p class="soon">{ranks.length > 1 ? words.noStep : text.alone}</p>}
        </div>
        <div class="column">
          <dl class="side">
            <div class="side-main">
              <dt>{text.perBlock}</dt>
              <dd data-figure="tp-reduces" data-value={isThere ? counts.forward + counts.backward : undefined}>
                {isThere ? counts.forward + counts.backward : '–'}
              </dd>
              <dd class="side-note">{isThere && text.counts(counts.forward, counts.backward)}</dd>
              <dd class="side-note">{text.countedIn}</dd>
            </div>
            <div>
              <dt>{text.bytes}</dt>
              <dd data-figure="tp-bytes" data-value={isThere ? counts.bytes : undefined}>
                {isThere ? bytes(counts.bytes) : '–'}
              </dd>
            </div>
            <div class="side-mid">
              <dt>{text.waits}</dt>
              <dd data-figure="tp-waiting" data-value={isThere ? counts.waiting : undefined}>
                {isThere ? percent(counts.waiting) : '–'}
              </dd>
              <dd class="side-note">{text.waitsNote}</dd>
            </div>
          </dl>
          <p class="muted">{text.why}</p>
        </div>
      </div>
    </>
  );
}
