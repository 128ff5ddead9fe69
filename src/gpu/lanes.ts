/**
 * Twins for graphics chips of kernels that read rows: several threads a row, side by side, where the plain files have one.
 * How many follows from the row's length alone, and so do the bits.
 */
import { ceilDiv, gridOf } from './grid';
import type { Knobs, Params, Twin } from './kernel';

const THREADS = 256;
/** Values that a thread keeps in registers. */
const MOST_OWN = 16;

/** Threads of a row of a norm. */
const normLanes = (C: number): number => (C <= 128 ? 16 : C < 768 ? 32 : 64);

/** Rows of a workgroup of a norm. */
const normRows = (C: number): number => THREADS / normLanes(C);

/** Workgroups of a norm's backward: each sums the weights' gradients over its rows. */
export const normGroups = (R: number, C: number): number => Math.min(256, ceilDiv(R, normRows(C)));

const normFits = ({ C }: Params): boolean => C! % 4 === 0 && ceilDiv(C! / 4, normLanes(C!)) <= MOST_OWN;

const normKnobs = ({ C }: Params): Knobs => ({ C: C!, LANES: normLanes(C!) });

/** A norm's forward. */
export function normTwin(file: string): Twin {
  return {
    file,
    knobs: { WG: THREADS },
    knobsFor: normKnobs,
    order: 'lanes',
    alone: true,
    shuffles: true,
    fits: normFits,
  };
}

/** Rows up to which 16 threads sum a column in no more than 64 turns. */
const SHORT_ROWS = 1024;

const short = ({ R }: Params): Knobs => ({ SHORT: R! <= SHORT_ROWS ? 1 : 0 });

/** A norm's backward; with few rows it also adds up the weights' gradients, where the tape wants it in one dispatch. */
export function normBackTwin(file: string): Twin {
  return { ...normTwin(file), knobsFor: (p) => ({ ...normKnobs(p), ...short(p) }) };
}

/** Workgroups of a norm's backward. `columns`: threads for the weights' gradients, which come first where WEIGHTS. */
export function normBackGrid({ R, C }: Params, knobs: Knobs, columns: number): readonly [number, number?] {
  const { WEIGHTS = 0, SHORT = 0, LANES, WG } = knobs;
  if (LANES) return [normGroups(R!, C!) + WEIGHTS * SHORT * ceilDiv(C!, 64)];
  return gridOf(WEIGHTS * ceilDiv(columns, WG!) * WG! + R!, WG!);
}

/** Workgroups for the weights' gradients of a norm by themselves: none where the backward has added them up. */
export function normWeightGrid(numbers: number, columns: number, knobs: Knobs): readonly [number, number?] {
  const { WEIGHTS = 0, SHORT = 1, ROWS, WG } = knobs;
  if (WEIGHTS * SHORT === 1) return [0];
  return ROWS ? [ceilDiv(numbers, 64)] : gridOf(columns, WG!);
}

/** What adds up the parts of the backward. */
export function normFold(file: string): Twin {
  return {
    file,
    knobs: {},
    knobsFor: (p) => ({ ROWS: normRows(p.C!), ...short(p) }),
    order: 'lanes',
    alone: true,
    fits: normFits,
  };
}

/** Column sums over R rows: so many threads a column that none takes more than 64 turns up to 32,768 rows. */
export function columnFold(file: string): Twin {
  const deep = (R: number) => (R <= SHORT_ROWS ? 16 : R <= 4 * SHORT_ROWS ? 64 : 128);
  const fits: Twin['fits'] = ({ C }) => C! % 4 === 0;
  return { file, knobs: {}, knobsFor: ({ R }) => ({ DEEP: deep(R!) }), order: 'lanes', alone: true, fits };
}

/** Threads of a row of logits. */
const logitLanes = (V: number): number => (V <= 128 ? 16 : V <= 1024 ? 64 : 256);

/** A cross entropy over rows of V logits. `keeps`: a thread holds its logits in registers. */
export function logitTwin(file: string, keeps: boolean): Twin {
  const own = (V: number) => ceilDiv(V, logitLanes(V));
  return {
    file,
    knobs: { WG: THREADS },
    knobsFor: ({ V }) => ({ LANES: logitLanes(V!), ...(keeps && { OWN: own(V!) }) }),
    order: 'lanes',
    alone: true,
    shuffles: true,
    fits: ({ V }) => !keeps || own(V!) <= MOST_OWN,
  };
}

/** Workgroups of those over R rows. */
export const laneGroups = (R: number, knobs: Knobs): readonly [number, number] =>
  gridOf(R * (knobs.LANES ?? 1), knobs.WG!);

/** The same file with as many threads as a graphics chip wants; the bits stay. */
export function wideTwin(file: string, knobs: Knobs = { WG: THREADS }): Twin {
  return { file, knobs, alone: true };
}
