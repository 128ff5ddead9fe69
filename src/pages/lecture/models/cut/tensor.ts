/** Tensor-parallel all-reduces of one step from its messages: their number per block, their bytes, their time. */
import { coveredMs } from '../../../../trace/interval';
import type { TraceEvent } from '../../../../trace/trace';

interface TensorCounts {
  /** Number of all-reduces per block and microbatch. */
  readonly forward: number;
  readonly backward: number;
  /** Bytes that rank 0 sent in these all-reduces during the step. */
  readonly bytes: number;
  /** Share of rank 0's step during which at least one of them was under way. */
  readonly waiting: number;
}

const OF_BLOCK = /^([FBI]) block\d+ m\d+\/tp\d+$/;

export function tensorCounts(events: readonly TraceEvent[]): TensorCounts {
  const mine = events.filter(({ rank, lane, line }) => rank === 0 && lane === 'net' && line?.includes('/tp'));
  const perPass = new Map<string, Set<string>>();
  for (const { line } of mine) {
    if (!OF_BLOCK.test(line!)) continue;
    const pass = line!.slice(0, line!.lastIndexOf('/'));
    perPass.set(pass, (perPass.get(pass) ?? new Set()).add(line!));
  }
  const most = (ops: string) =>
    Math.max(0, ...[...perPass].filter(([pass]) => ops.includes(pass[0]!)).map(([, lines]) => lines.size));
  const own = events.filter(({ rank }) => rank === 0);
  const spanMs = Math.max(...own.map(({ t1 }) => t1)) - Math.min(...own.map(({ t0 }) => t0));
  return {
    forward: most('F'),
    backward: most('BI'),
    bytes: mine.filter(({ name }) => name.endsWith('.send')).reduce((sum, { bytes = 0 }) => sum + bytes, 0),
    waiting: spanMs > 0 ? coveredMs(mine) / spanMs : 0,
  };
}
