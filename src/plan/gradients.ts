/**
 * One pass of `lower`: adds the lines that complete gradients and start their reductions. After the last contribution
 * to a unit's gradient come ADD or TIE, BACK, SUM and REDUCE, in this order (SUM comes last where each of several
 * microbatches has its own REDUCE). ASIDE comes before the first contribution that is summed separately
 * (docs/decisions/008). Pure.
 */
import type { RankPlace } from './place';
import type { Action } from './plan';

/**
 * Adds one REDUCE per step, or one per microbatch when the gradient is sharded (zero >= 2). The gradient of a tied
 * table is complete when its tied reader on the same rank has added its part too. If the reader is on another rank, the
 * reader's TIE comes after its last backward, and the table's TIE before the table's last REDUCE.
 */
export function withGradients(lines: readonly Action[], place: RankPlace): Action[] {
  const { plan, units, mine } = place;
  const here = new Set(mine);
  const ownersOf = (unit: number) =>
    [...new Set([unit, units[unit]!.table?.unit ?? unit])].filter((owner) => here.has(owner));
  const adders = (unit: number) => mine.filter((other) => ownersOf(other).includes(unit)).length;
  // left: by unit and microbatch, the backward passes that have yet to add to the gradient; open: by unit, the
  // microbatches whose gradient is not complete
  const left = new Map(mine.map((unit) => [unit, Array<number>(plan.microbatches).fill(adders(unit))]));
  const open = new Map(mine.map((unit) => [unit, plan.microbatches]));
  const aside = new Aside(place);
  const placed = lines.flatMap((line) => {
    if (line.op !== 'B' && line.op !== 'W') return [line];
    const around: Action[] = [...aside.before(line), line, ...aside.after(line)];
    for (const unit of ownersOf(line.unit)) {
      if (--left.get(unit)![line.mb]! > 0) continue;
      open.set(unit, open.get(unit)! - 1);
      const isComplete = open.get(unit) === 0;
      around.push(
        ...(isComplete ? [...tied(unit, place), ...aside.end(unit)] : []),
        ...sums(unit, line.mb, isComplete, place),
      );
    }
    return around;
  });
  return plan.overlap === false ? reduceLast(placed) : placed;
}

/** The line that adds the part of a table's gradient that is not in the table's unit yet. */
function tied(unit: number, { plan, tie, together }: RankPlace): Action[] {
  if (tie?.table === unit || tie?.reader === unit) return [{ op: 'TIE', dir: 'grad', unit }];
  // why: in a pipeline the head's part is added after the last microbatch wherever the head is, so all schedules add in
  // the same order
  return plan.pp > 1 && together?.table === unit ? [{ op: 'ADD', unit }] : [];
}

/** SUM and REDUCE of a unit whose gradient of microbatch `mb`, or of the step, is complete. */
function sums(unit: number, mb: number, isComplete: boolean, { plan, zero, units }: RankPlace): Action[] {
  const reduces = plan.dp > 1 && plan.outer === undefined;
  const byMicrobatch = reduces && zero >= 2;
  const sum: Action[] = isComplete && units[unit]!.copied ? [{ op: 'SUM', unit }] : [];
  if (byMicrobatch) {
    const reduce: Action = { op: 'REDUCE', unit, mb };
    // why SUM is last: it needs the sum of all microbatches, which exists only in the shards, after the last REDUCE
    return plan.microbatches > 1 ? [reduce, ...sum] : [...sum, reduce];
  }
  return reduces && isComplete ? [...sum, { op: 'REDUCE', unit }] : sum;
}

/**
 * Places ASIDE and BACK for a tied table whose whole gradient stays on the rank over several microbatches (zero < 2).
 * For each such microbatch the contributions of embed and head are added to each other before they are added to the
 * gradient so far. Plans that reduce each microbatch by itself (zero >= 2) add in the same order.
 */
class Aside {
  readonly #table: number | undefined;
  /** The microbatch whose contributions are being summed separately, between ASIDE and BACK. */
  #mb: number | undefined;

  constructor(readonly place: RankPlace) {
    const { plan, zero, mine, together, tie } = place;
    // why plans with `outer` too: their exact steps and their other steps must add in the same order
    const isSplit = plan.dp > 1 && zero < 2 && plan.microbatches > 1;
    const table = (together ?? tie)?.table;
    this.#table = isSplit && table !== undefined && mine.includes(table) ? table : undefined;
  }

  /** The lines to insert before a line that adds to gradients. */
  before({ unit, mb }: { readonly unit: number; readonly mb: number }): Action[] {
    const { plan, together } = this.place;
    if (this.#table === undefined || this.#mb !== undefined) return [];
    // why: with pp > 1 only the last microbatch gets a second contribution: the head's gradient of all microbatches
    const isFirst =
      plan.pp === 1 ? unit === together?.reader && mb > 0 : unit === this.#table && mb === plan.microbatches - 1;
    if (!isFirst) return [];
    this.#mb = mb;
    return [{ op: 'ASIDE', unit: this.#table, mb }];
  }

  /** The lines to insert after it. */
  after({ unit }: { readonly unit: number }): Action[] {
    return this.place.plan.pp === 1 ? this.end(unit) : [];
  }

  /** The lines to insert when the table has both contributions. */
  end(unit: number): Action[] {
    if (unit !== this.#table || this.#mb === undefined) return [];
    const back: Action = { op: 'BACK', unit, mb: this.#mb };
    this.#mb = undefined;
    return [back];
  }
}

/** The same lines with every REDUCE after the last pass. The REDUCE lines keep their order, so no bit changes. */
function reduceLast(lines: readonly Action[]): Action[] {
  const isReduce = ({ op }: Action) => op === 'REDUCE';
  return [...lines.filter((line) => !isReduce(line)), ...lines.filter(isReduce)];
}
