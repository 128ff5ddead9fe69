/**
 * Derives from a rank's program how long buffers are in use: how many copies of each border tensor are needed, and
 * which units may share a working buffer. Pure; model/placement.ts turns the counts into buffers.
 */
import type { Residency, TableUse, Tie } from '../../model/placement';
import type { Program } from '../../plan/lower';
import { shardingOf } from '../../plan/place';
import type { Action, ParallelPlan, UnitSize } from '../../plan/plan';

/** A unit and its microbatch, or undefined if the line does not begin (or end) the lifetime that is counted. */
type Event = readonly [unit: number, mb: number] | undefined;
type Window = readonly [from: number, to: number];

/** Count the copies and assign the working buffers of `program`; `units` are all units of the model. */
export function residencyOf(program: Program, plan: ParallelPlan, units: readonly UnitSize[]): Residency & TableUse {
  const { actions, slots, stages } = program;
  const here = (unit: number) => (slots[unit] ?? 0) > 0;
  const span = (stage: number) => stages.find((found) => found.stage === stage)!;
  const count = (begins: (line: Action) => Event, ends: (line: Action) => Event) =>
    peak(actions, units.length, begins, ends);
  const released = (line: Action): Event => (line.op === 'B' || line.op === 'W' ? [line.unit, line.mb] : undefined);

  const inputSlots = count((line) => {
    if (line.op === 'F' && here(line.unit + 1)) return [line.unit + 1, line.mb];
    return line.op === 'RECV' && line.dir === 'act' ? [span(line.stage).first, line.mb] : undefined;
  }, released);
  const gradSlots = count((line) => {
    if ((line.op === 'B' || line.op === 'I') && here(line.unit - 1)) return [line.unit - 1, line.mb];
    return line.op === 'RECV' && line.dir === 'grad' ? [span(line.stage).last, line.mb] : undefined;
  }, released);
  const keptSlots = count((line) => (line.op === 'I' ? [line.unit, line.mb] : undefined), released);
  const zero = shardingOf(plan);
  return {
    slots,
    inputSlots: inputSlots.map((n, unit) => (unit === 0 ? slots[0]! : n)),
    gradSlots,
    keptSlots,
    split: actions.some(({ op }) => op === 'I'),
    paramWork: zero === 3 ? colours(gatherWindows(actions, units.length)) : [],
    gradWork: zero >= 2 ? colours(gradWindows(actions, units)) : [],
    ...tableUse(program, units),
  };
}

function tableUse({ actions, slots }: Program, units: readonly UnitSize[]): TableUse {
  const head = units.length - 1;
  const has = (op: Action['op'], unit: number) =>
    actions.some((line) => line.op === op && 'unit' in line && line.unit === unit);
  const isTied = units[head]!.table !== undefined && (slots[head] ?? 0) > 0;
  const here: Tie = has('ADD', 0) ? 'apart' : 'shared';
  return {
    tie: !isTied ? 'none' : has('TIE', head) ? 'copy' : here,
    tableSource: has('TIE', 0),
    tableAside: has('ASIDE', 0),
  };
}

/** By unit: the maximum number of live microbatches. A line that ends one lifetime and begins another counts both. */
function peak(
  actions: readonly Action[],
  units: number,
  begins: (line: Action) => Event,
  ends: (line: Action) => Event,
): readonly number[] {
  const live = Array.from({ length: units }, () => new Set<number>());
  const most = Array<number>(units).fill(0);
  for (const line of actions) {
    const [begun, ended] = [begins(line), ends(line)];
    if (begun) most[begun[0]] = Math.max(most[begun[0]]!, live[begun[0]]!.add(begun[1]).size);
    if (ended) live[ended[0]]!.delete(ended[1]);
  }
  return most;
}

/** By unit: the ranges of lines in which its gathered parameters are held. */
function gatherWindows(actions: readonly Action[], units: number): readonly (readonly Window[])[] {
  const windows = Array.from({ length: units }, (): Window[] => []);
  const open = new Map<number, number>();
  actions.forEach((line, at) => {
    if (line.op === 'GATHER') open.set(line.unit, at);
    if (line.op === 'FREE') {
      windows[line.unit]!.push([open.get(line.unit)!, at]);
      open.delete(line.unit);
    }
  });
  return windows;
}

/** By unit: the ranges of lines from the first contribution to its full gradient to the REDUCE that shards it. */
function gradWindows(actions: readonly Action[], units: readonly UnitSize[]): readonly (readonly Window[])[] {
  // why: if an ADD or a TIE adds the part of a tied head, the head has a gradient buffer of its own
  const isShared = !actions.some(({ op }) => op === 'ADD' || op === 'TIE');
  const windows = units.map((): Window[] => []);
  const open = new Map<number, number>();
  actions.forEach((line, at) => {
    if (line.op === 'B' || line.op === 'W') {
      const table = isShared ? units[line.unit]!.table?.unit : undefined;
      for (const unit of table === undefined ? [line.unit] : [line.unit, table]) {
        if (!open.has(unit)) open.set(unit, at);
      }
    }
    if (line.op === 'REDUCE') {
      windows[line.unit]!.push([open.get(line.unit)!, at]);
      open.delete(line.unit);
    }
  });
  return windows;
}

/** Assign the same number to units whose windows never overlap, greedily; -1 for units without a window. */
function colours(windows: readonly (readonly Window[])[]): readonly number[] {
  const members: Window[][] = [];
  const overlap = (a: Window, b: Window) => a[0] <= b[1] && b[0] <= a[1];
  return windows.map((mine) => {
    if (mine.length === 0) return -1;
    let colour = members.findIndex((taken) => !taken.some((a) => mine.some((b) => overlap(a, b))));
    if (colour < 0) colour = members.push([]) - 1;
    members[colour]!.push(...mine);
    return colour;
  });
}
