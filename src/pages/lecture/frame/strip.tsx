/** The strip below every scene: the loss curve across all plans, the tokens/s, and the cost of this page itself. */
import { useMemo } from 'preact/hooks';
import { nameOf } from '../../../plan/why';
import { count, loss as lossText, rate } from '../../state/format';
import type { StepMetrics } from '../../tab';
import { followedIn } from '../models/cut/followed';
import { roomRate } from '../models/digest';
import { paint } from '../pictures/palette';
import { font, type Pen, Picture } from '../pictures/picture';
import type { Guess } from '../show/guess';
import type { Show } from '../show/show';
import { words } from '../words';
import { guessWords } from '../words/questions';
import { FollowChoice, FollowLine } from './follow';

interface Props {
  readonly show: Show;
  readonly guess: Guess;
  /** Changes when the colours do. */
  readonly look: string;
}

export function Strip({ show, guess, look }: Props) {
  const { metrics, ranks, plan, kind, phase, since } = show.moment.value;
  const newest = metrics.at(-1);
  const speed = plan ? roomRate(ranks, plan) : 0;
  const cost = show.frames.cost.value;
  const draw = useMemo(() => (pen: Pen) => drawLoss(pen, metrics, since), [metrics, since, look]);
  const label = newest ? words.lossLabel(count(newest.step), lossText(newest.loss)) : words.lossSoon;
  // why neither the curve nor the page's cost then: the strip has no room for them
  const isFollowing = followedIn(show.stage.value.run, show.picks.value.follow) !== undefined;
  const isRunning = phase === 'training' || phase === 'paused';
  return (
    <footer class="strip">
      {show.steers.value && kind === 'live' && isRunning && (
        <div class="strip-run">
          <button type="button" class="button" onClick={() => show.pause()}>
            {phase === 'paused' ? words.resume : words.pause}
          </button>
          {phase === 'paused' && (
            <button type="button" class="button" onClick={() => show.step()}>
              {words.oneStep}
            </button>
          )}
        </div>
      )}
      <dl class="strip-figures">
        <div>
          <dt>{words.loss}</dt>
          <dd data-figure="loss">{newest ? lossText(newest.loss) : '–'}</dd>
        </div>
        <div>
          <dt>{words.rate}</dt>
          <dd data-figure="rate">{speed > 0 ? rate(speed) : '–'}</dd>
        </div>
      </dl>
      {!show.hidden.value && (
        <div class="strip-more">
          <FollowChoice show={show} />
          {!show.watches && (
            <button
              type="button"
              class="button"
              title={guessWords.about}
              disabled={guess.questionsOf(show.scene.value).length === 0}
              onClick={() => guess.next()}
            >
              {guessWords.ask}
            </button>
          )}
        </div>
      )}
      {isFollowing ? (
        <FollowLine show={show} />
      ) : (
        <div class="strip-curve">
          {newest ? (
            <Picture frames={show.frames} label={label} class="loss-strip" draw={draw} />
          ) : (
            <p class="strip-none">{kind === 'simulated' ? words.lossNone : words.lossSoon}</p>
          )}
        </div>
      )}
      <div class="strip-side">
        <span class="strip-plan">
          {plan && (
            <button type="button" title={words.elsewhere.label} onClick={() => (show.panel.value = 'elsewhere')}>
              {nameOf(plan)}
            </button>
          )}
        </span>
        <span class="strip-cost" title={words.costTitle} data-figure="frame-cost" data-value={cost?.shown}>
          {cost && !isFollowing && words.cost(cost.shown.toFixed(1), cost.worked.toFixed(1))}
        </span>
      </div>
    </footer>
  );
}

/** Draws one line through the mean of each pixel column, and a dashed line where the running plan began. */
function drawLoss({ ctx, width, height }: Pen, metrics: readonly StepMetrics[], since: number): void {
  const first = metrics[0]!.step;
  const last = Math.max(first + 1, metrics.at(-1)!.step);
  const columns = Math.max(2, Math.floor(width / 2));
  const sums = new Float64Array(columns);
  const counts = new Uint32Array(columns);
  for (const { step, loss } of metrics) {
    const at = Math.min(columns - 1, Math.floor(((step - first) / (last - first)) * columns));
    sums[at]! += loss;
    counts[at]! += 1;
  }
  const means = Array.from(sums, (sum, at) => (counts[at]! > 0 ? sum / counts[at]! : Number.NaN));
  const known = means.filter((mean) => !Number.isNaN(mean));
  const [low, high] = [Math.min(...known), Math.max(...known)];
  const right = width - 58;
  const y = (loss: number) => 8 + (1 - (loss - low) / Math.max(1e-9, high - low)) * (height - 16);
  ctx.strokeStyle = paint('--edge');
  ctx.lineWidth = 1;
  if (since > first && since < metrics.at(-1)!.step) {
    ctx.setLineDash([4, 4]);
    const x = ((since - first) / (last - first)) * right;
    ctx.beginPath();
    ctx.moveTo(x, 0);
    ctx.lineTo(x, height);
    ctx.stroke();
    ctx.setLineDash([]);
  }
  ctx.beginPath();
  for (const [at, mean] of means.entries()) if (!Number.isNaN(mean)) ctx.lineTo((at / (columns - 1)) * right, y(mean));
  ctx.strokeStyle = paint('--train');
  ctx.lineWidth = 2.5;
  ctx.lineJoin = 'round';
  ctx.stroke();
  ctx.font = font(20);
  ctx.fillStyle = paint('--muted');
  ctx.textBaseline = 'middle';
  ctx.fillText(high.toFixed(2), right + 8, 12);
  if (high - low > 0.05) ctx.fillText(low.toFixed(2), right + 8, height - 12);
}
