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

/** A norm's forward or backward. */
export function normTwin(file: string): Twin {
  const knobsFor = ({ C }: Params): Knobs => ({ C: C!, LANES: normLanes(C!) });
  return { file, knobs: { WG: THREADS }, knobsFor, order: 'lanes', alone: true, fits: normFits };
}

/** What adds up the parts of the backward. */
export function normFold(file: string): Twin {
  return {
    file,
    knobs: {},
    knobsFor: ({ C }) => ({ ROWS: normRows(C!) }),
    order: 'lanes',
    alone: true,
    fits: normFits,
  };
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
