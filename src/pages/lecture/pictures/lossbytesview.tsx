/** The newest steps of a run: the loss as a line, and the bytes of each step as bars, over steps or over seconds. */
import { useMemo } from 'preact/hooks';
import type { StepMetrics } from '../../tab';
import type { Frames } from '../show/frames';
import { drawAxis } from './axis';
import { paint } from './palette';
import { font, type Pen, Picture } from './picture';

interface Props {
  readonly frames: Frames;
  readonly metrics: readonly StepMetrics[];
  readonly over: 'steps' | 'seconds';
  readonly label: string;
  /** Changes when the colours do. */
  readonly look: string;
}

const AXIS = 28;
const LEFT = 56;

export function LossBytesView({ frames, metrics, over, label, look }: Props) {
  const draw = useMemo(() => (pen: Pen) => drawSteps(pen, metrics, over), [metrics, over, look]);
  return <Picture frames={frames} label={label} class="picture" draw={draw} />;
}

function drawSteps({ ctx, width, height }: Pen, metrics: readonly StepMetrics[], over: Props['over']): void {
  let ms = 0;
  const points = metrics.map((one) => {
    ms += one.ms;
    return {
      at: over === 'steps' ? one.step - metrics[0]!.step : ms / 1000,
      loss: one.loss,
      bytes: Math.max(0, ...one.bytesSent),
    };
  });
  const end = Math.max(1e-6, points.at(-1)?.at ?? 0);
  const x = (at: number) => LEFT + (at / end) * (width - LEFT - 4);
  const bottom = height - AXIS;
  const losses = points.map(({ loss }) => loss);
  const [low, high] = [Math.min(...losses), Math.max(...losses)];
  const y = (loss: number) => 12 + (1 - (loss - low) / Math.max(1e-9, high - low)) * (bottom * 0.6 - 12);
  const most = Math.max(1, ...points.map(({ bytes }) => bytes));
  ctx.fillStyle = paint('--op-collective');
  for (const { at, bytes } of points) {
    const tall = (bytes / most) * bottom * 0.35;
    ctx.fillRect(x(at) - 1, bottom - tall, 3, tall);
  }
  ctx.beginPath();
  for (const { at, loss } of points) ctx.lineTo(x(at), y(loss));
  ctx.strokeStyle = paint('--train');
  ctx.lineWidth = 2.5;
  ctx.lineJoin = 'round';
  ctx.stroke();
  ctx.font = font(width < 360 ? 15 : 20);
  ctx.textAlign = 'left';
  ctx.textBaseline = 'middle';
  ctx.fillStyle = paint('--muted');
  if (points.length > 0) ctx.fillText(high.toFixed(2), 0, 12);
  if (high - low > 0.05) ctx.fillText(low.toFixed(2), 0, bottom * 0.6);
  drawAxis(ctx, end, x, bottom, width < 560, over === 'steps' ? '' : ' s');
}
