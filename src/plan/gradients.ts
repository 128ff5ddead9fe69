/**
 * One pass of `lower`: the lines that make gradients complete and start their sums. Where a unit's last contribution has
 * been added come ADD or TIE, BACK, SUM and REDUCE, in this order; ASIDE comes before the first contribution that is summed
 * by itself (docs/decisions/008). Pure.
 */
import type { Place } from './place';
import type { Action } from './plan';

/**
 * REDUCE is of the step, or of each microbatch when the gradient is sharded (zero >= 2). A table is complete when its tied
 * reader on the same rank has added its part too. Where the reader is on another rank, its TIE comes after its last backward
 * and the table's TIE before the table's last REDUCE.
 */
export function withGradients(lines: readonly Action[], place: Place): Action[] {
  const { plan, units, mine } = place;
  const here = new Set(mine);
  const ownersOf = (unit: number) =>
    [...new Set([unit, units[unit]!.table?.unit ?? unit])].filter((owner) => here.has(owner));
  const adders = (unit: number) => mine.filter((other) => ownersOf(other).includes(unit)).length;
  // by unit: backward passes that still add to its gradient, of each microbatch; microbatches not complete yet
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

/** The part of a table's gradient that is not in the table's unit yet. */
function tied(unit: number, { plan, tie, together }: Place): Action[] {
  if (tie?.table === unit || tie?.reader === unit) return [{ op: 'TIE', dir: 'grad', unit }];
  // why: the head of a pipeline adds its part after the last microbatch wherever it is, so all schedules add alike
  return plan.pp > 1 && together?.table === unit ? [{ op: 'ADD', unit }] : [];
}

/** SUM and REDUCE of a unit whose gradient of microbatch `mb`, or of the step, is complete. */
function sums(unit: number, mb: number, isComplete: boolean, { plan, zero, units }: Place): Action[] {
  const reduces = plan.dp > 1 && plan.outer === undefined;
  const byMicrobatch = reduces && zero >= 2;
  const sum: Action[] = isComplete && units[unit]!.copied ? [{ op: 'SUM', unit }] : [];
  if (byMicrobatch) {
    const reduce: Action = { op: 'REDUCE', unit, mb };
    // why after it: microbatches are added first, and each is in shards by then
    return plan.microbatches > 1 ? [reduce, ...sum] : [...sum, reduce];
  }
  return reduces && isComplete ? [...sum, { op: 'REDUCE', unit }] : sum;
}

/**
 * ASIDE and BACK of a tied table whose whole gradient stays on the rank over several microbatches: embed and head are added
 * up before they join the sum so far, as where every microbatch is reduced by itself.
 */
class Aside {
  readonly #table: number | undefined;
  /** The microbatch whose contributions are summed by themselves now. */
  #mb: number | undefined;

  constructor(readonly place: Place) {
    const { plan, zero, mine, together, tie } = place;
    // why also where replicas train apart: their exact steps and the others add alike
    const isSplit = plan.dp > 1 && zero < 2 && plan.microbatches > 1;
    const table = (together ?? tie)?.table;
    this.#table = isSplit && table !== undefined && mine.includes(table) ? table : undefined;
  }

  /** Before a line that adds to gradients. */
  before({ unit, mb }: { readonly unit: number; readonly mb: number }): Action[] {
    const { plan, together } = this.place;
    if (this.#table === undefined || this.#mb !== undefined) return [];
    // why: with pp > 1 only the last one gets a second contribution, the head's of all microbatches
    const isFirst =
      plan.pp === 1 ? unit === together?.reader && mb > 0 : unit === this.#table && mb === plan.microbatches - 1;
    if (!isFirst) return [];
    this.#mb = mb;
    return [{ op: 'ASIDE', unit: this.#table, mb }];
  }

  /** After it. */
  after({ unit }: { readonly unit: number }): Action[] {
    return this.place.plan.pp === 1 ? this.end(unit) : [];
  }

  /** The table has both contributions. */
  end(unit: number): Action[] {
    if (unit !== this.#table || this.#mb === undefined) return [];
    const back: Action = { op: 'BACK', unit, mb: this.#mb };
    this.#mb = undefined;
    return [back];
  }
}

/** The same lines with every REDUCE after the last pass, in the same order, so that no bit changes. */
function reduceLast(lines: readonly Action[]): Action[] {
  const isReduce = ({ op }: Action) => op === 'REDUCE';
  return [...lines.filter((line) => !isReduce(line)), ...lines.filter(isReduce)];
}
