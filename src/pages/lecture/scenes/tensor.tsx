/** Scene 5: a block split over tabs; its four sums, highlighted as they happened; their cost in this run's messages. */
import { useMemo } from 'preact/hooks';
import { bytes } from '../../state/format';
import { unitsOf } from '../facts/units';
import { tensorCounts } from '../models/cut/tensor';
import { blockClockOf } from '../models/time/blockclock';
import { Choice } from '../parts/choice';
import { useHand } from '../parts/slowmotion';
import { BlockView } from '../pictures/blockview';
import { SplitView } from '../pictures/splitview';
import { percent, words } from '../words';
import type { SceneProps } from './scene';

const text = words.tensor;
const LATENCIES = [0, 5, 20, 50];
const SLOW_MS = 12_000;

export function TensorScene({ show, look }: SceneProps) {
  const { plan, run, events, ranks } = show.stage.value;
  const { follow } = show.picks.value;
  const counts = useMemo(() => tensorCounts(events), [events]);
  const newest = useMemo(
    () =>
      run && plan
        ? blockClockOf(
            events,
            0,
            unitsOf(run, plan).map(({ name }) => name),
            follow,
          )
        : undefined,
    [events, run, plan, follow],
  );
  const hand = useHand(show.frames, SLOW_MS);
  const isPlaying = hand.at.value !== undefined;
  // why: a new step must not replace the one that slow motion plays
  const clock = useMemo(() => newest, [isPlaying ? null : newest]);
  const at = clock && isPlaying ? hand.at.value! * clock.spanMs : undefined;
  const lit = at === undefined ? -1 : (clock?.sums.find(({ t0, t1 }) => at >= t0 && at < t1)?.index ?? -1);
  const tp = plan?.tp ?? 1;
  const isThere = tp > 1 && events.length > 0;
  if (tp === 1) return <p class="soon">{ranks.length > 1 ? words.noStep : text.alone}</p>;
  return (
    <>
      {!show.hidden.value && (
        <div class="picks">
          {show.steers.value && (
            <Choice
              label={words.pipeline.latency}
              values={LATENCIES}
              value={ranks[0]?.handicap.latencyMs ?? 0}
              nameOf={(ms) => `${ms}`}
              onChange={(latencyMs) => show.handicapAll({ latencyMs })}
            />
          )}
          <button type="button" class="button" disabled={!clock} onClick={isPlaying ? hand.stop : hand.play}>
            {isPlaying ? text.stop : text.play}
          </button>
        </div>
      )}
      <div class="split-place">
        <SplitView tp={tp} heads={run?.model.heads ?? tp} lit={lit} block={clock?.block === follow ? follow : ''} />
      </div>
      <div class="block-place">{clock && <BlockView frames={show.frames} look={look} clock={clock} at={at} />}</div>
      <div class="side-row">
        <dl class="side">
          <div>
            <dt>{text.perBlock}</dt>
            <dd data-figure="tp-reduces" data-value={isThere ? counts.forward + counts.backward : undefined}>
              {isThere ? counts.forward + counts.backward : '–'}
            </dd>
            <dd class="side-note">{isThere && text.counts(counts.forward, counts.backward)}</dd>
          </div>
          <div>
            <dt>{text.bytes}</dt>
            <dd data-figure="tp-bytes" data-value={isThere ? counts.bytes : undefined}>
              {isThere ? bytes(counts.bytes) : '–'}
            </dd>
            <dd class="side-note">{text.countedIn}</dd>
          </div>
          <div>
            <dt>{text.waits}</dt>
            <dd data-figure="tp-waiting" data-value={isThere ? counts.waiting : undefined}>
              {isThere ? percent(counts.waiting) : '–'}
            </dd>
            <dd class="side-note">{text.waitsNote}</dd>
          </div>
        </dl>
        <p class="muted">
          {text.first} {text.second}
        </p>
      </div>
    </>
  );
}
