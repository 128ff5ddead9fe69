/** The times of one block under tensor parallelism on one rank: its compute intervals and its four all-reduces. */
import { envelope } from '../../../../trace/interval';
import { computeEvents } from '../../../../trace/stats';
import type { TraceEvent } from '../../../../trace/trace';

interface Sum {
  /** In order of time: 0 and 1 forward (attention, MLP), 2 and 3 backward (MLP, attention). */
  readonly index: number;
  readonly t0: number;
  readonly t1: number;
}

/** The forward, followed directly by the backward (the time between them is cut out); ms since the forward began. */
export interface BlockClock {
  readonly block: string;
  readonly spanMs: number;
  /** Where the forward ends. */
  readonly turnMs: number;
  readonly computes: readonly { readonly t0: number; readonly t1: number }[];
  readonly sums: readonly Sum[];
}

const LINE = /^([FBI]) (block\d+) m(\d+)\/tp(\d+)$/;

/**
 * The block `wanted`, else the first block, and its first microbatch with all four sums in `events`; undefined where there
 * is none. `names`: of the units, by index.
 */
export function blockClockOf(
  events: readonly TraceEvent[],
  rank: number,
  names: readonly string[],
  wanted = '',
): BlockClock | undefined {
  const mine = events.filter((event) => event.rank === rank);
  const passes = new Map<string, Map<string, TraceEvent[]>>();
  for (const event of mine) {
    const found = event.lane === 'net' ? event.line?.match(LINE) : null;
    if (!found) continue;
    const [, op, block, mb] = found;
    const key = `${op === 'F' ? 'F' : 'B'} ${block} ${mb}`;
    const sums = passes.get(key) ?? new Map<string, TraceEvent[]>();
    passes.set(key, sums);
    sums.set(event.line!, [...(sums.get(event.line!) ?? []), event]);
  }
  const isOther = ([key]: [string, unknown]) => Number(key.split(' ')[1] !== wanted);
  for (const [key, forward] of [...passes].sort((a, b) => isOther(a) - isOther(b))) {
    const [pass, block, mb] = key.split(' ') as [string, string, string];
    const backward = passes.get(`B ${block} ${mb}`);
    if (pass !== 'F' || !backward || forward.size !== 2 || backward.size !== 2) continue;
    const unit = names.indexOf(block);
    const computes = computeEvents(mine).filter((event) => event.unit === unit && event.mb === Number(mb));
    return joined(
      block,
      halfOf(
        computes.filter(({ name }) => name === 'F'),
        forward,
      ),
      halfOf(
        computes.filter(({ name }) => name !== 'F'),
        backward,
      ),
    );
  }
  return undefined;
}

interface Half {
  readonly spanMs: number;
  readonly computes: readonly { readonly t0: number; readonly t1: number }[];
  readonly sums: readonly { readonly t0: number; readonly t1: number }[];
}

function halfOf(computes: readonly TraceEvent[], sums: ReadonlyMap<string, readonly TraceEvent[]>): Half {
  const spans = [...sums.values()].map(envelope).sort(([a], [b]) => a - b);
  const [start, end] = envelope([...computes, ...spans.map(([t0, t1]) => ({ t0, t1 }) as TraceEvent)]);
  const shift = ({ t0, t1 }: { t0: number; t1: number }) => ({ t0: t0 - start, t1: t1 - start });
  return { spanMs: end - start, computes: computes.map(shift), sums: spans.map(([t0, t1]) => shift({ t0, t1 })) };
}

function joined(block: string, forward: Half, backward: Half): BlockClock {
  const later = ({ t0, t1 }: { t0: number; t1: number }) => ({ t0: t0 + forward.spanMs, t1: t1 + forward.spanMs });
  return {
    block,
    spanMs: forward.spanMs + backward.spanMs,
    turnMs: forward.spanMs,
    computes: [...forward.computes, ...backward.computes.map(later)],
    sums: [...forward.sums, ...backward.sums.map(later)].map((span, index) => ({ index, ...span })),
  };
}
