/** Moves an expensive computation to a frame of its own, so that no frame holds all of the work on a moment. */
import { useEffect, useRef, useState } from 'preact/hooks';
import type { Frames } from '../show/frames';

/** Runs `compute` on the newest `moment` in a later frame. Returns the newest result, null before the first. */
export function useLater<M, T>(frames: Frames, moment: M, compute: (moment: M) => T): T | null {
  const [value, setValue] = useState<T | null>(null);
  const newest = useRef(moment);
  newest.current = moment;
  const job = useRef(() => setValue(compute(newest.current)));
  useEffect(() => frames.request(job.current), [frames, moment]);
  return value;
}
