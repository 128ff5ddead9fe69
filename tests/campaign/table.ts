/** The table of a campaign, made of its rounds. Pure. */
import { FAULTS, type Kind } from './faults';

export interface Round {
  readonly kind: Kind;
  /** Longest time without a step on each steady page that was a member all the time, ms. */
  readonly pausesMs: readonly number[];
  /** The same before the fault, over as long a time: what this machine does by itself. */
  readonly quietMs: number;
  /** From the end of the fault until the tab committed a step again; null where it does not come back or did not. */
  readonly backMs: number | null;
  /** How often a steady page left its generation. */
  readonly stops: number;
  readonly stepsLost: number;
  readonly unequal: readonly string[];
  /** Largest difference of a loss from the undisturbed run, and that of the newest step; absent until it is known. */
  readonly away?: { readonly most: number; readonly last: number; readonly steps: number };
}

const seconds = (ms: number) => (ms / 1000).toFixed(2);

function quantiles(values: readonly number[]): string {
  const sorted = [...values].sort((a, b) => a - b);
  if (sorted.length === 0) return '–';
  const at = (q: number) => seconds(sorted[Math.min(sorted.length - 1, Math.floor(q * sorted.length))]!);
  return `${at(0.5)} / ${at(0.95)} / ${seconds(sorted.at(-1)!)}`;
}

export function tableOf(rounds: readonly Round[]): string {
  const kinds = [...new Set(rounds.map(({ kind }) => kind))];
  const rows = kinds.map((kind) => {
    const mine = rounds.filter((one) => one.kind === kind);
    const { limitMs, returns } = FAULTS[kind];
    const away = mine.flatMap((one) => (one.away ? [one.away] : []));
    const backs = mine.flatMap(({ backMs }) => (backMs === null ? [] : [backMs]));
    const cells = [
      kind,
      mine.length,
      quantiles(mine.map(({ pausesMs }) => Math.max(...pausesMs))),
      seconds(limitMs),
      Math.max(...mine.map(({ stops }) => stops)),
      quantiles(mine.map(({ quietMs }) => quietMs)),
      returns ? `${quantiles(backs)} (${backs.length} of ${mine.length})` : '–',
      Math.max(...mine.map(({ stepsLost }) => stepsLost)),
      mine.every(({ unequal }) => unequal.length === 0) ? 'yes' : 'NO',
      away.length === 0 ? '–' : Math.max(...away.map(({ most }) => most)).toExponential(1),
      away.length === 0 ? '–' : `${away.at(-1)!.last.toExponential(1)} at step ${away.at(-1)!.steps}`,
    ];
    return `| ${cells.join(' | ')} |`;
  });
  const head = [
    ...[
      'fault',
      'times',
      'longest pause of the others, s',
      'limit, s',
      'stops',
      'the same without a fault, s',
      'back after, s',
    ],
    ...['steps lost', 'models equal', 'largest difference of a loss', 'of the last loss'],
  ];
  return [`| ${head.join(' | ')} |`, `|${'---|'.repeat(head.length)}`, ...rows, 'p50 / p95 / most'].join('\n');
}
