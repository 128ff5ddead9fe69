/** A canvas that fills its place, at the resolution of the screen; drawn in the page's frames, only after a change. */
import { useEffect, useRef } from 'preact/hooks';
import type { Frames } from '../show/frames';

export interface Pen {
  readonly ctx: CanvasRenderingContext2D;
  /** In CSS pixels. */
  readonly width: number;
  readonly height: number;
}

interface Props {
  readonly frames: Frames;
  /** Text alternative of the picture for screen readers. */
  readonly label: string;
  readonly class: string;
  /** The picture is drawn again whenever this function changes. */
  readonly draw: (pen: Pen) => void;
}

const FONT = 'ui-sans-serif, system-ui, -apple-system, "Segoe UI", Roboto, "Noto Sans", "Liberation Sans", sans-serif';

/** `size` in CSS pixels. */
export const font = (size: number, weight = 500): string => `${weight} ${size}px ${FONT}`;

export function Picture({ frames, label, class: name, draw }: Props) {
  const canvas = useRef<HTMLCanvasElement>(null);
  const latest = useRef(draw);
  latest.current = draw;
  const redraw = useRef(() => paintOn(canvas.current, latest.current));

  useEffect(() => {
    const observer = new ResizeObserver(() => frames.request(redraw.current));
    observer.observe(canvas.current!);
    return () => observer.disconnect();
  }, [frames]);

  useEffect(() => frames.request(redraw.current), [frames, draw]);

  return <canvas ref={canvas} class={name} role="img" aria-label={label} />;
}

function paintOn(canvas: HTMLCanvasElement | null, draw: (pen: Pen) => void): void {
  if (!canvas) return;
  const { clientWidth: width, clientHeight: height } = canvas;
  const scale = devicePixelRatio;
  const [w, h] = [Math.round(width * scale), Math.round(height * scale)];
  if (canvas.width !== w || canvas.height !== h) {
    canvas.width = w;
    canvas.height = h;
  }
  const ctx = canvas.getContext('2d')!;
  ctx.setTransform(scale, 0, 0, scale, 0, 0);
  ctx.clearRect(0, 0, width, height);
  draw({ ctx, width, height });
}
