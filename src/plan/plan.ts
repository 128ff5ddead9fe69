/**
 * ParallelPlan: how one run is cut over ranks, as plain data. It is in the run file, the URL, the checkpoint and the
 * trace. This file holds types, defaults and the shape of the data; rules.ts checks which combinations can run.
 */
import * as v from 'valibot';
import { flag, integer, list, oneOf, real, section } from './fields';
import { WIRES, type Wire } from './wire';

export type Axis = 'dp' | 'pp' | 'tp';

const PLACEMENTS = ['inside', 'across'] as const;

export const SCHEDULES = ['gpipe', '1f1b', 'eager-1f1b', 'interleaved', 'zb-h1', 'zb-v'] as const;
export type ScheduleName = (typeof SCHEDULES)[number];

export interface ParallelPlan {
  readonly dp: number;
  readonly pp: number;
  readonly tp: number;
  readonly zero: 0 | 1 | 2 | 3;
  readonly schedule: ScheduleName;
  /** Model chunks per rank (virtual stages). */
  readonly chunks: number;
  /** Per dp rank and step. */
  readonly microbatches: number;
  readonly recompute: boolean;
  /** Samples of the global batch by replica (dp coordinate). Absent: almost equal shares. */
  readonly shares?: readonly number[];
  /** Units by stage, in model order. Absent: the model is cut by the cost of its units. */
  readonly stageUnits?: readonly number[];
  /**
   * The code in which REDUCE sends gradients. With `outer` it is the code in which OUTER sends parameter changes, and
   * REDUCE of exact steps sends f32.
   */
  readonly wire: Wire;
  /** Error feedback: what `wire` rounds away is added to the next sum. */
  readonly feedback?: true;
  /** False: every REDUCE waits for the last backward, so compute hides no communication. Shows what overlap saves. */
  readonly overlap?: false;
  /** Ranks of a tp group are placed on as many machines as there are, which is slow. Absent: inside machines (seating.ts). */
  readonly placement?: 'across';
  /** Replicas on one machine: sums over dp are taken inside machines first, then across them. Absent: in one ring. */
  readonly perMachine?: number;
  /** DiLoCo: replicas train separately and are averaged every `every` steps; approximate. */
  readonly outer?: OuterPlan;
}

/**
 * DiLoCo (2311.08105): each replica trains alone, with its own optimizer and clip. Every `every` steps, and after the
 * last step of the run, OUTER lines average the parameter changes of the replicas and take one step of SGD with
 * Nesterov momentum.
 */
export interface OuterPlan {
  readonly every: number;
  readonly lr: number;
  readonly momentum: number;
  /** The first step that is not exact. Earlier steps sum gradients as without `outer`. */
  readonly from?: number;
  /** Streaming DiLoCo (2501.18512): number of fragments of units. They take turns, each every `every` steps. */
  readonly fragments?: number;
  /** Number of further steps that run while a fragment is averaged. */
  readonly delay?: number;
  /** Share of its own parameters that a replica keeps in an outer step, 0 to 1. */
  readonly mix?: number;
}

/**
 * One line of one rank's program. No two lines of a program are equal, so the text form (`F block3 m0`, text.ts) names
 * the line's messages in tags. What the executor does at each line:
 *
 * F, B, I, W: run the unit's lists for microbatch `mb`, whose saved tensors are in slot `mb mod slots[unit]`. B is I
 *   then W. F, B and I first await the pending GATHER of the unit and its table.
 * SEND: start sending what the line before made (`act`: the output of the stage's last unit; `grad`: the input
 *   gradient of its first unit) to the rank of the next or previous stage. The next line does not wait for it.
 * RECV: await the message of the matching SEND: `act` is the input of the stage's first unit, `grad` the output
 *   gradient of its last. `stage` is always the stage of the rank that runs the line; `messageOf` names the message
 *   the same at both ends. Neighbouring stages on one rank have neither line: the executor passes the tensor on.
 * REDUCE: start the sum of the unit's gradient over dp: all-reduce when zero is 0, else reduce-scatter to the own
 *   shard. With zero >= 2 there is one after every microbatch, with `mb`: it reads the full gradient and zeroes it, so
 *   later backwards need not wait. Microbatches are still added before ranks (shards.ts).
 * GATHER: start the all-gather of the unit's parameters over dp, once its STEP is done. With zero 3 and pp 1 it serves
 *   one `pass` of one microbatch. FREE: drop all but the shard; it has the fields of its GATHER.
 * NORM: await every REDUCE; exchange norm, loss and votes over all ranks. No line before it changes a parameter.
 * STEP: AdamW on the own shard of the unit (zero 0: on all of it).
 * OUTER: only in steps in which an outer step is due (outer.ts). Start the average over dp of the changes of the unit's
 *   parameters since the last outer step, and the new outer step with it; the next F of the unit awaits it. With a
 *   delay, `take` starts the average in one step; `use` awaits it some steps later and takes the outer step. `whole`
 *   (after the run's last step): a replica keeps nothing of its own parameters, whatever `mix` says.
 * ASIDE, BACK, ADD: only where a tied head and its table are on one rank; `unit` is the table's. The two contributions
 *   to a microbatch, from embed and head, are added to each other first: ASIDE copies the gradient so far to another
 *   buffer and clears it, BACK adds the copy again. With pp > 1, ADD adds the head's own table gradient to the table's.
 * SUM: sum the gradients of parameters that several tp ranks hold copies of (a shared key/value head) over these ranks.
 *   It comes before the unit's REDUCE and is awaited. Where each of several microbatches has its own REDUCE, it comes
 *   after the unit's last REDUCE, is only started there, and NORM awaits it.
 * TIE: only where a tied head and its table are on different ranks; `unit` says which end this rank is. The copy at the
 *   head has a gradient and no moments, and is left out of the norm. `TIE grad head` starts sending the copy's gradient
 *   to the table's rank and zeroes it; `TIE grad embed` awaits it and adds it to the table's gradient (the last REDUCE of
 *   the table follows, if there is any). `TIE param embed` awaits the table's STEP, OUTER and GATHER and starts sending
 *   the table; `TIE param head` starts receiving it, and the next F of the head awaits it.
 */
export type Action =
  | { readonly op: 'F' | 'B' | 'I' | 'W'; readonly unit: number; readonly mb: number }
  | { readonly op: 'SEND' | 'RECV'; readonly dir: 'act' | 'grad'; readonly stage: number; readonly mb: number }
  | { readonly op: 'REDUCE'; readonly unit: number; readonly mb?: number }
  | { readonly op: 'GATHER' | 'FREE'; readonly unit: number; readonly pass?: 'F' | 'B'; readonly mb?: number }
  | { readonly op: 'STEP'; readonly unit: number }
  | { readonly op: 'OUTER'; readonly unit: number; readonly part?: 'take' | 'use' | 'whole' }
  | { readonly op: 'ASIDE' | 'BACK'; readonly unit: number; readonly mb: number }
  | { readonly op: 'ADD' | 'SUM'; readonly unit: number }
  | { readonly op: 'TIE'; readonly dir: 'grad' | 'param'; readonly unit: number }
  | { readonly op: 'NORM' };

/** True if every rank holds the whole state of the model, so that any rank can continue alone. */
export function isWholeOnAll({ pp, tp, zero }: ParallelPlan): boolean {
  return pp === 1 && tp === 1 && zero === 0;
}

/** The plan without shares and stages by speed, which hold for the peers that were measured, in their order. */
export function withoutSpeeds({ shares: _, stageUnits: __, ...plan }: ParallelPlan): ParallelPlan {
  return plan;
}

/**
 * True if the run's numbers differ from those of one rank by more than rounding: replicas train separately, or `wire`
 * rounds what is sent.
 */
export function isApproximate({ dp, outer, wire }: ParallelPlan): boolean {
  return outer !== undefined || (dp > 1 && wire !== 'f32');
}

/** The codes in which REDUCE and OUTER send. */
export function wiresOf({ outer, wire }: ParallelPlan): { readonly reduce: Wire; readonly outer: Wire } {
  // why f32: with `outer`, REDUCE runs only in exact steps
  return { reduce: outer ? 'f32' : wire, outer: wire };
}

/** True if every rank keeps all parameters, so that any rank can sample by itself. */
export function isModelOnEach({ dp, pp, tp, zero }: ParallelPlan): boolean {
  return pp === 1 && tp === 1 && (dp === 1 || zero < 3);
}

/** What `lower` and the planner know of a unit: no tensors, only its name and sizes. */
export interface UnitSize {
  readonly name: string;
  /**
   * Floats of the unit's flat parameter buffer on one tp rank, with padding, without a table that another unit owns.
   */
  readonly paramFloats: number;
  /** Work of forward and backward relative to that of a block; used to cut the model into stages. */
  readonly cost: number;
  /** The unit whose token table this one reads and adds gradients to (a tied head), and the table's floats. */
  readonly table?: { readonly unit: number; readonly floats: number };
  /** Floats of each all-reduce over tp that sums the gradients of the copies of a shared key/value head. */
  readonly copied?: readonly number[];
}

const count = integer(1, 65536);

const planFields = {
  dp: v.optional(count, 1),
  pp: v.optional(count, 1),
  tp: v.optional(count, 1),
  zero: v.optional(oneOf([0, 1, 2, 3]), 0),
  schedule: v.optional(oneOf(SCHEDULES), '1f1b'),
  chunks: v.optional(count),
  microbatches: v.optional(count),
  recompute: v.optional(flag, false),
  shares: v.optional(list(count)),
  stageUnits: v.optional(list(count)),
  wire: v.optional(oneOf(WIRES), 'f32'),
  feedback: v.optional(flag, false),
  overlap: v.optional(flag, true),
  perMachine: v.optional(integer(2, 65536)),
  placement: v.optional(oneOf(PLACEMENTS), 'inside'),
  outer: v.optional(v.unknown()),
};

const outerFields = {
  every: count,
  lr: v.optional(real(0, 10)),
  momentum: v.optional(real(0, 1)),
  from: v.optional(integer(0, Number.MAX_SAFE_INTEGER), 0),
  fragments: v.optional(count, 1),
  delay: v.optional(integer(0, 65535), 0),
  mix: v.optional(real(0, 1), 0),
};

/**
 * A plan from untrusted data, with defaults for what is missing: one rank, 1f1b, two chunks where the schedule needs
 * them, and as many microbatches as pp. Throws PlanError naming the field. `rules.ts` says whether it can run.
 */
export function parsePlan(value: unknown): ParallelPlan {
  const { feedback, overlap, placement, outer, ...plan } = section(value, planFields, 'plan');
  const { dp, pp, tp, zero, schedule, recompute, shares, stageUnits, perMachine, wire } = plan;
  const chunks = plan.chunks ?? (schedule === 'interleaved' || schedule === 'zb-v' ? 2 : 1);
  return {
    ...{ dp, pp, tp, zero, schedule, chunks, microbatches: plan.microbatches ?? pp, recompute, wire },
    ...(shares && { shares }),
    ...(stageUnits && { stageUnits }),
    ...(feedback && { feedback }),
    ...(!overlap && { overlap }),
    ...(placement === 'across' && { placement }),
    ...(perMachine && { perMachine }),
    ...(outer !== undefined && { outer: parseOuter(outer) }),
  };
}

/**
 * The defaults of `lr` and `momentum` depend on `every`. They are the best of the pairs that were tried on short runs
 * with `every` 10 and with `every` 50. The published pair (0.7, 0.9) needs thousands of steps.
 */
function parseOuter(value: unknown): OuterPlan {
  const { every, from, fragments, delay, mix, ...sgd } = section(value, outerFields, 'plan.outer');
  const [lr, momentum] = every < 30 ? [0.5, 0.8] : [1, 0.5];
  return {
    every,
    lr: sgd.lr ?? lr,
    momentum: sgd.momentum ?? momentum,
    ...(from > 0 && { from }),
    ...(fragments > 1 && { fragments }),
    ...(delay > 0 && { delay }),
    ...(mix > 0 && { mix }),
  };
}
