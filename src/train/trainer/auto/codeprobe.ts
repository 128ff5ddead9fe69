/** Measures how long this rank's processor takes to code the sums of a plan with `wire`, for the planner. */
import { codecOf } from '../../../net/collective/codec';
import { PIECE_FLOATS } from '../../../plan/links';
import type { Trace } from '../../../trace/trace';

const PIECES = 8;
const TURNS = 4;

/**
 * Writes `codeMsPerMillion` to the trace: milliseconds to code a million floats once and to decode them twice, as
 * a coded all-reduce does (net/collective/coded.ts).
 */
export function probeCode(trace: Trace): void {
  const codec = codecOf('int8')!;
  const floats = Float32Array.from({ length: PIECE_FLOATS }, (_, i) => ((i * 2_654_435_761) % 1_000) - 500);
  let best = Number.POSITIVE_INFINITY;
  // why the best: the first turns are not compiled yet
  for (let turn = 0; turn < TURNS; turn++) {
    const t0 = performance.now();
    for (let piece = 0; piece < PIECES; piece++) {
      const coded = codec.encode(floats);
      for (let i = 0; i < 2; i++) codec.decode(coded, floats.length, 'probe');
    }
    best = Math.min(best, performance.now() - t0);
  }
  trace.instant('host', 'codeMsPerMillion', { value: (best / (PIECES * PIECE_FLOATS)) * 1e6 });
}
