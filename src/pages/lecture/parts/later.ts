/** What takes a frame of the page's own to compute, so that no frame holds all of the work on a moment. */
import { useEffect, useRef, useState } from 'preact/hooks';
import type { Frames } from '../show/frames';

/** `compute()` of the newest `moment` that a frame was there for; null until there was one. */
export function useLater<M, T>(frames: Frames, moment: M, compute: (moment: M) => T): T | null {
  const [value, setValue] = useState<T | null>(null);
  const newest = useRef(moment);
  newest.current = moment;
  const job = useRef(() => setValue(compute(newest.current)));
  useEffect(() => frames.request(job.current), [frames, moment]);
  return value;
}
