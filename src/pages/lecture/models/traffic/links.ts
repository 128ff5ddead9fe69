/** Bytes and messages per link and axis in one step, from the senders' network events. */
import type { TraceEvent } from '../../../../trace/trace';

type Cargo = 'dp' | 'pp' | 'tp';

export interface LinkLoad {
  readonly from: number;
  readonly to: number;
  readonly bytes: Readonly<Record<Cargo, number>>;
  readonly counts: Readonly<Record<Cargo, number>>;
}

/** Loads from the hops of collectives and the messages between stages. The commit vote (a few bytes) is not traced. */
export function linkLoads(events: readonly TraceEvent[], rankOf: (peer: string) => number): readonly LinkLoad[] {
  const loads = new Map<
    string,
    { from: number; to: number; bytes: Record<Cargo, number>; counts: Record<Cargo, number> }
  >();
  for (const event of events) {
    if (!isSend(event)) continue;
    const [from, to] = [event.rank, rankOf(event.peer!)];
    const load = loads.get(`${from} ${to}`) ?? {
      from,
      to,
      bytes: { dp: 0, pp: 0, tp: 0 },
      counts: { dp: 0, pp: 0, tp: 0 },
    };
    loads.set(`${from} ${to}`, load);
    const cargo = cargoOf(event);
    load.bytes[cargo] += event.bytes ?? 0;
    load.counts[cargo]++;
  }
  return [...loads.values()].sort((a, b) => a.from - b.from || a.to - b.to);
}

/** Bytes that `rank` sent, by axis. */
export function sentBytes(loads: readonly LinkLoad[], rank: number): Record<Cargo, number> {
  const sum = { dp: 0, pp: 0, tp: 0 };
  for (const { from, bytes } of loads) {
    if (from !== rank) continue;
    for (const cargo of ['dp', 'pp', 'tp'] as const) sum[cargo] += bytes[cargo];
  }
  return sum;
}

export const overAllAxes = ({ dp, pp, tp }: Record<Cargo, number>): number => dp + pp + tp;

/** Names of send events. TIE: the simulator's name for the message of a tied embedding table. */
const SENDS = new Set(['ring.send', 'direct.send', 'SEND', 'TIE']);

/** A message, or a hop of a collective, as its sender reports it. */
export const isSend = ({ lane, name, peer }: TraceEvent): boolean =>
  lane === 'net' && peer !== undefined && SENDS.has(name);

/** Stage borders and the tied table belong to pp. A line with a `/tp` part is an all-reduce inside a pass. */
export function cargoOf({ name, line = '' }: TraceEvent): Cargo {
  if (name === 'SEND' || name === 'TIE') return 'pp';
  return line.includes('/') ? 'tp' : 'dp';
}

/** Bytes that one link carried for one axis, both directions together. */
interface Pair {
  readonly a: number;
  readonly b: number;
  readonly cargo: Cargo;
  readonly bytes: number;
}

export function pairsOf(loads: readonly LinkLoad[]): readonly Pair[] {
  const pairs = new Map<string, Pair>();
  for (const { from, to, bytes: load } of loads) {
    const [a, b] = from < to ? [from, to] : [to, from];
    for (const cargo of ['dp', 'pp', 'tp'] as const) {
      if (load[cargo] === 0) continue;
      const key = `${a} ${b} ${cargo}`;
      pairs.set(key, { a, b, cargo, bytes: (pairs.get(key)?.bytes ?? 0) + load[cargo] });
    }
  }
  return [...pairs.values()];
}
