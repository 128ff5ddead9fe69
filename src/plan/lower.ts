/**
 * lower(plan, mesh, units): the lines one rank runs in one step. Every strategy is a rule in here and nowhere else:
 * the schedule's order is spelled out in units, sends and receives are placed at stage borders, then REDUCE, TIE, GATHER
 * and FREE where a gradient becomes complete or a parameter is read, then NORM and the optimizer. Pure.
 */
import type { Mesh } from './mesh';
import type { Action, ParallelPlan, UnitSize } from './plan';
import { type StageOp, scheduleOf } from './schedule';
import { cutUnits, type StageSpan, stageCoord, stageCount } from './stages';

export interface Program {
  readonly actions: readonly Action[];
  /** The stages of this rank in model order. */
  readonly stages: readonly StageSpan[];
  /** By unit of the model: most microbatches alive at once (F until B or W), 0 where another rank has the unit. */
  readonly slots: readonly number[];
}

type Compute = Extract<Action, { op: 'F' | 'B' | 'I' | 'W' }>;

/** What the rules ask about a rank's place: which units are here, and where the two ends of a tied table are. */
interface Place {
  readonly plan: ParallelPlan;
  readonly units: readonly UnitSize[];
  readonly spans: readonly StageSpan[];
  readonly p: number;
  /** Units of this rank, ascending. */
  readonly mine: readonly number[];
  /** The table's unit and the unit that reads it, when the model is tied and they are on different ranks. */
  readonly tie: { readonly table: number; readonly reader: number } | undefined;
}

/** The program of the rank at `mesh.coord`. `plan` has passed validatePlan; throws PlanError for too few units. */
export function lower(plan: ParallelPlan, mesh: Mesh, units: readonly UnitSize[]): Program {
  const place = placeOf(plan, mesh, units);
  const step = scheduleOf(plan, place.p).flatMap((pass) => spellOut(pass, place));
  const reduced = withGradients(step, place);
  const ordered = plan.overlap === false ? reduceLast(reduced) : reduced;
  const actions = [...withParameters(ordered, place), ...commit(place)];
  return program(actions, place);
}

/** The forward passes of one step alone, in the same order and slots: for the loss on held-out text. Nothing commits. */
export function lowerForward(plan: ParallelPlan, mesh: Mesh, units: readonly UnitSize[]): Program {
  const place = placeOf(plan, mesh, units);
  const forward = scheduleOf(plan, place.p).filter(({ op }) => op === 'F');
  const actions = withParameters(
    forward.flatMap((pass) => spellOut(pass, place)),
    place,
  );
  return { ...program(actions, place), slots: lower(plan, mesh, units).slots };
}

function program(actions: readonly Action[], { units, spans, plan, p }: Place): Program {
  const slots = peakLive(actions, units.length);
  return { actions, stages: spans.filter(({ stage }) => stageCoord(plan, stage) === p), slots };
}

function placeOf(plan: ParallelPlan, mesh: Mesh, units: readonly UnitSize[]): Place {
  const spans = cutUnits(units, stageCount(plan));
  const p = mesh.coord.pp;
  const coordOfUnit = (unit: number) => stageCoord(plan, spans.find(({ last }) => unit <= last)!.stage);
  const mine = units.map((_, unit) => unit).filter((unit) => coordOfUnit(unit) === p);
  const reader = units.findIndex(({ table }) => table !== undefined);
  const table = units[reader]?.table?.unit;
  const apart = table !== undefined && coordOfUnit(table) !== coordOfUnit(reader);
  return { plan, units, spans, p, mine, tie: apart ? { table, reader } : undefined };
}

/** One pass of a stage, unit by unit, with RECV before and SEND after where the neighbouring stage is on another rank. */
function spellOut({ op, stage, mb }: StageOp, { plan, spans, p }: Place): Action[] {
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
 * REDUCE right after the line that completes a unit's gradient: of the step, or of each microbatch when the gradient is
 * sharded (zero >= 2). A table is complete when its tied reader on the same rank has added its part too. Where the reader
 * is on another rank, its TIE comes after its last backward and the table's TIE before the table's last REDUCE.
 */
function withGradients(lines: readonly Action[], { plan, units, mine, tie }: Place): Action[] {
  const reduces = plan.dp > 1 && plan.outer === undefined;
  const here = new Set(mine);
  const ownersOf = (unit: number) =>
    [...new Set([unit, units[unit]!.table?.unit ?? unit])].filter((owner) => here.has(owner));
  const adders = (unit: number) => mine.filter((other) => ownersOf(other).includes(unit)).length;
  // by unit: backward passes that still add to its gradient, of each microbatch; microbatches not complete yet
  const left = new Map(mine.map((unit) => [unit, Array<number>(plan.microbatches).fill(adders(unit))]));
  const open = new Map(mine.map((unit) => [unit, plan.microbatches]));
  return lines.flatMap((line) => {
    if (line.op !== 'B' && line.op !== 'W') return [line];
    const after: Action[] = [line];
    for (const unit of ownersOf(line.unit)) {
      if (--left.get(unit)![line.mb]! > 0) continue;
      open.set(unit, open.get(unit)! - 1);
      const complete = open.get(unit) === 0;
      if (complete && (tie?.table === unit || tie?.reader === unit)) after.push({ op: 'TIE', dir: 'grad', unit });
      if (reduces && shardingOf(plan) >= 2) after.push({ op: 'REDUCE', unit, mb: line.mb });
      else if (reduces && complete) after.push({ op: 'REDUCE', unit });
    }
    return after;
  });
}

/** The same lines with every REDUCE after the last pass, in the same order, so that no bit changes. */
function reduceLast(lines: readonly Action[]): Action[] {
  const isReduce = ({ op }: Action) => op === 'REDUCE';
  return [...lines.filter((line) => !isReduce(line)), ...lines.filter(isReduce)];
}

/**
 * zero 3: GATHER one reading line ahead of use, FREE after use, once for the forward and once for the backward of every
 * microbatch (FSDP's count: 3 A X with the reduce-scatter); with pp > 1 once per step, as torchtitan does, since a gather
 * per microbatch would cost more than it saves. The copy of a tied table is fetched and freed with its reader.
 */
function withParameters(lines: readonly Action[], place: Place): Action[] {
  if (shardingOf(place.plan) < 3) return [...lines];
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

/** A run of reading lines (as positions among them) in which a unit's parameters must be whole. */
interface Hold {
  readonly use: { readonly unit: number; readonly pass?: 'F' | 'B'; readonly mb?: number };
  readonly from: number;
  to: number;
}

/** By first line; those of one unit do not overlap. */
function holdsOf(readers: readonly Compute[], { plan, units }: Place): readonly Hold[] {
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
    // why: a tied table is read by its reader from forward to backward; its own backward only adds to the gradient
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

/** The optimizer's lines, first units first because the next step's forward awaits them in that order. */
function commit({ plan, mine, tie }: Place): Action[] {
  const zero = shardingOf(plan);
  const lines: Action[] = [{ op: 'NORM' }];
  for (const unit of mine) {
    lines.push({ op: 'STEP', unit });
    if (plan.outer) lines.push({ op: 'OUTER', unit });
    if (zero === 1 || zero === 2) lines.push({ op: 'GATHER', unit });
    if (zero < 3 && (tie?.table === unit || tie?.reader === unit)) lines.push({ op: 'TIE', dir: 'param', unit });
  }
  return lines;
}

/** plan.zero where there is anything to shard over, else 0. */
export function shardingOf({ zero, dp }: ParallelPlan): ParallelPlan['zero'] {
  return dp > 1 ? zero : 0;
}

/** By unit: most microbatches between their F and their B or W. Saved tensors of `mb` go to slot `mb mod slots`. */
export function peakLive(actions: readonly Action[], units: number): readonly number[] {
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
