/** Slow motion: a hand that moves once over a span of time in `tookMs` of real time. */
import { type Signal, useSignal } from '@preact/signals';
import { useEffect } from 'preact/hooks';
import type { Frames } from '../show/frames';

interface Hand {
  /** Share of the span that has been played, 0 to 1; undefined while nothing plays. */
  readonly at: Signal<number | undefined>;
  play(): void;
  stop(): void;
}

export function useHand(frames: Frames, tookMs: number): Hand {
  const at = useSignal<number | undefined>(undefined);
  const isPlaying = at.value !== undefined;
  useEffect(() => {
    if (!isPlaying) return;
    const start = performance.now();
    let stopped = false;
    const tick = () => {
      if (stopped) return;
      const share = (performance.now() - start) / tookMs;
      at.value = share < 1 ? share : undefined;
      if (share < 1) frames.request(tick);
    };
    frames.request(tick);
    return () => {
      stopped = true;
    };
  }, [isPlaying, frames, at, tookMs]);
  return { at, play: () => (at.value = 0), stop: () => (at.value = undefined) };
}
