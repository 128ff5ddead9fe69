/**
 * lower(plan, mesh, units) returns the lines that one rank runs in one step. Every strategy is a rule in this file (and
 * gradients.ts). Stages of the schedule become passes of units; then come SEND and RECV at stage borders, the lines
 * that complete gradients, GATHER and FREE where parameters are read, and at last NORM and the optimizer. Pure.
 */
import { withGradients } from './gradients';
import type { Mesh } from './mesh';
import { everyFragment, fragmentOf, type OuterMoment } from './outer';
import { placeOf, type RankPlace } from './place';
import type { Action, OuterPlan, ParallelPlan, UnitSize } from './plan';
import { type StageOp, scheduleOf } from './schedule';
import { type StageSpan, stageCoord } from './stages';

export interface Program {
  readonly actions: readonly Action[];
  /** The stages of this rank in model order. */
  readonly stages: readonly StageSpan[];
  /** Stages of the whole model; the head is on the last one. */
  readonly stageCount: number;
  /** Gradients stay in the replica, which computes norm and clip by itself (DiLoCo). */
  readonly isLocal: boolean;
  /** Some fragment takes its outer step in this step (DiLoCo), here or on other stages. */
  readonly isTurn?: boolean;
  /** By unit of the model: the most microbatches alive at once (from F until B or W); 0 for units of other ranks. */
  readonly slots: readonly number[];
}

type Compute = Extract<Action, { op: 'F' | 'B' | 'I' | 'W' }>;

/**
 * The program of the rank at `mesh.coord` for a step in which `moment` is due. `plan` must have passed validatePlan.
 * Throws PlanError for too few units.
 */
export function lower(
  plan: ParallelPlan,
  mesh: Mesh,
  units: readonly UnitSize[],
  moment: OuterMoment | undefined = plan.outer && everyFragment(plan.outer),
): Program {
  const { outer: _, ...exact } = plan;
  const place = placeOf(moment?.exact ? exact : plan, mesh, units);
  const passes = scheduleOf(plan, place.p).flatMap((pass) => spellOut(pass, place));
  const actions = [...withParameters(withGradients(passes, place), place), ...commit(place, moment)];
  return { ...program(actions, place), isTurn: plan.outer !== undefined && moment!.uses.length > 0 };
}

/** Only the forward passes of one step, in the same order and slots, for the loss on held-out text. Nothing commits. */
export function lowerForward(plan: ParallelPlan, mesh: Mesh, units: readonly UnitSize[]): Program {
  const place = placeOf(plan, mesh, units);
  const forward = scheduleOf(plan, place.p).filter(({ op }) => op === 'F');
  const actions = withParameters(
    forward.flatMap((pass) => spellOut(pass, place)),
    place,
  );
  return { ...program(actions, place), slots: lower(plan, mesh, units).slots };
}

function program(actions: readonly Action[], { units, spans, plan, p }: RankPlace): Program {
  const slots = peakLive(actions, units.length);
  const stages = spans.filter(({ stage }) => stageCoord(plan, stage) === p);
  return { actions, stages, stageCount: spans.length, isLocal: plan.outer !== undefined, slots };
}

/** One pass of a stage, unit by unit, with RECV before and SEND after where the neighbouring stage is on another rank. */
function spellOut({ op, stage, mb }: StageOp, { plan, spans, p }: RankPlace): Action[] {
  const { first, last } = spans[stage]!;
  const lines: Action[] = [];
  for (let unit = first; unit <= last; unit++) lines.push({ op, unit, mb });
  if (op !== 'F') lines.reverse();
  if (op === 'W') return lines;
  const elsewhere = (other: number) => other >= 0 && other < spans.length && stageCoord(plan, other) !== p;
  const dir = op === 'F' ? 'act' : 'grad';
  const onward = op === 'F' ? 1 : -1;
  if (elsewhere(stage - onward)) lines.unshift({ op: 'RECV', dir, stage, mb });
  if (elsewhere(stage + onward)) lines.push({ op: 'SEND', dir, stage, mb });
  return lines;
}

/**
 * For zero 3: adds GATHER one reading line before the first use, and FREE after the last use. With pp 1 this is done
 * once for the forward and once for the backward of every microbatch, as in FSDP (3 A X bytes with the reduce-scatter,
 * docs/plans.md). With pp > 1 it is done once per step, as in torchtitan, since a gather per microbatch would cost more
 * than it saves. The copy of a tied table is fetched and freed with its reader.
 */
function withParameters(lines: readonly Action[], place: RankPlace): Action[] {
  if (place.zero < 3) return [...lines];
  const gathers = new Map<number, Action[]>();
  const frees = new Map<number, Action[]>();
  const freed = new Map<number, number>();
  for (const { use, from, to } of holdsOf(lines.filter(readsParameters), place)) {
    const { unit } = use;
    const at = Math.max(from - 1, freed.get(unit) ?? 0);
    push(gathers, at, { op: 'GATHER', ...use });
    if (unit === place.tie?.table || unit === place.tie?.reader) push(gathers, at, { op: 'TIE', dir: 'param', unit });
    push(frees, to, { op: 'FREE', ...use });
    freed.set(unit, to + 1);
  }
  let at = 0;
  const rest = lines.flatMap((line) => {
    if (!readsParameters(line)) return [line];
    const free = frees.get(at++) ?? [];
    return [line, ...free, ...(gathers.get(at) ?? [])];
  });
  return [...(gathers.get(0) ?? []), ...rest];
}

/** A range of reading lines (positions among the reading lines only) in which a unit's parameters must be whole. */
interface Hold {
  readonly use: { readonly unit: number; readonly pass?: 'F' | 'B'; readonly mb?: number };
  readonly from: number;
  to: number;
}

/** Holds in the order of their first line. Holds of one unit do not overlap. */
function holdsOf(readers: readonly Compute[], { plan, units }: RankPlace): readonly Hold[] {
  const holds = new Map<string, Hold>();
  const hold = (unit: number, pass: 'F' | 'B', mb: number, at: number) => {
    const use = plan.pp > 1 ? { unit } : { unit, pass, mb };
    const key = JSON.stringify(use);
    const known = holds.get(key);
    if (known) known.to = at;
    else holds.set(key, { use, from: at, to: at });
  };
  const tables = new Set(units.map(({ table }) => table?.unit));
  const here = new Set(readers.map(({ unit }) => unit));
  readers.forEach(({ op, unit, mb }, at) => {
    const table = units[unit]!.table?.unit;
    // why: the tied reader holds the table from its forward to its backward; the table's own backward only adds to the
    // gradient
    if (op === 'F' || !tables.has(unit)) hold(unit, op === 'F' ? 'F' : 'B', mb, at);
    if (table !== undefined && here.has(table)) hold(table, 'B', mb, at);
  });
  const merged: Hold[] = [];
  for (const next of [...holds.values()].sort((a, b) => a.from - b.from)) {
    const last = merged.findLast(({ use }) => use.unit === next.use.unit);
    if (last && next.from <= last.to) last.to = Math.max(last.to, next.to);
    else merged.push(next);
  }
  return merged;
}

function readsParameters(line: Action): line is Compute {
  return line.op === 'F' || line.op === 'B' || line.op === 'I';
}

/** NORM and the optimizer's lines, in unit order because the next step's forward awaits the units in that order. */
function commit({ plan, zero, mine, tie, units }: RankPlace, moment: OuterMoment | undefined): Action[] {
  const lines: Action[] = [{ op: 'NORM' }];
  for (const unit of mine) {
    lines.push({ op: 'STEP', unit });
    if (plan.outer && moment) lines.push(...outerLines(unit, plan.outer, units.length, moment));
    if (zero === 1 || zero === 2) lines.push({ op: 'GATHER', unit });
    if (zero < 3 && (tie?.table === unit || tie?.reader === unit)) lines.push({ op: 'TIE', dir: 'param', unit });
  }
  return lines;
}

function outerLines(unit: number, outer: OuterPlan, units: number, { takes, uses, isWhole }: OuterMoment): Action[] {
  const fragment = fragmentOf(unit, units, outer);
  const [isTaken, isUsed] = [takes.includes(fragment), uses.includes(fragment)];
  if (isTaken && isUsed) return [{ op: 'OUTER', unit, ...(isWhole && outer.mix && { part: 'whole' as const }) }];
  if (isUsed) return [{ op: 'OUTER', unit, part: 'use' }];
  return isTaken ? [{ op: 'OUTER', unit, part: 'take' }] : [];
}

/** By unit: the most microbatches between F and B or W at once. Saved tensors of `mb` are in slot `mb mod slots`. */
function peakLive(actions: readonly Action[], units: number): readonly number[] {
  const live = Array<number>(units).fill(0);
  const peak = Array<number>(units).fill(0);
  for (const line of actions) {
    if (line.op === 'F') peak[line.unit] = Math.max(peak[line.unit]!, ++live[line.unit]!);
    if (line.op === 'B' || line.op === 'W') live[line.unit]!--;
  }
  return peak;
}

function push(lists: Map<number, Action[]>, key: number, line: Action): void {
  lists.set(key, [...(lists.get(key) ?? []), line]);
}
