/**
 * The order in which one pipeline rank runs (op, stage, microbatch): one generator per schedule. Pure; sends and receives
 * are placed later (lower.ts). Sources: GPipe 1811.06965, PipeDream 1F1B and interleaving PTD-P 2104.04473, eager 1F1B
 * 2211.05322, zero bubble 2401.10241 (ZB-H1; ZB-V from its controllable-memory sequel 2405.15362).
 */
import type { ParallelPlan } from './plan';
import { stagesOf } from './stages';

/** One pass of a whole stage. B is the full backward, I only input gradients, W only weight gradients. */
export interface StageOp {
  readonly op: 'F' | 'B' | 'I' | 'W';
  readonly stage: number;
  readonly mb: number;
}

/** What pipeline coordinate `p` runs in one step, in order. The plan has passed validatePlan. */
export function scheduleOf(plan: ParallelPlan, p: number): readonly StageOp[] {
  const { pp, microbatches, schedule } = plan;
  const stages = stagesOf(plan, p);
  const later = pp - 1 - p;
  switch (schedule) {
    case 'gpipe':
      return oneForwardOneBackward(stages[0]!, microbatches, microbatches);
    case '1f1b':
      return oneForwardOneBackward(stages[0]!, microbatches, later);
    case 'eager-1f1b':
      // why: with twice the warm-up a hop latency of c costs 2c(P-1) in all instead of 2c per microbatch
      return oneForwardOneBackward(stages[0]!, microbatches, 2 * later);
    case 'interleaved':
      return interleaved(stages, plan, 2 * later, false, 0);
    case 'zb-h1':
      return interleaved(stages, plan, later, true, p);
    case 'zb-v':
      return zeroBubbleV(stages, plan, p);
  }
}

/** `warmup` forwards, then pairs (F, B) while forwards remain, then the remaining backwards. */
function oneForwardOneBackward(stage: number, microbatches: number, warmup: number): StageOp[] {
  const order: StageOp[] = [];
  const ahead = Math.min(warmup, microbatches);
  for (let mb = 0; mb < microbatches + ahead; mb++) {
    if (mb < microbatches) order.push({ op: 'F', stage, mb });
    if (mb >= ahead) order.push({ op: 'B', stage, mb: mb - ahead });
  }
  return order;
}

/**
 * The chunks take turns, each with a group of microbatches. With `split` the backward is I, and the W of the j-th
 * backward comes after backward j + `delay`; the remaining W come at the end (ZB1P; ZB-H1 when there is one chunk).
 */
function interleaved(
  stages: readonly number[],
  { pp, microbatches }: ParallelPlan,
  extraWarmup: number,
  split: boolean,
  delay: number,
): StageOp[] {
  const chunks = stages.length;
  const group = microbatches / Math.max(1, Math.floor(microbatches / pp));
  const total = microbatches * chunks;
  const warmup = Math.min((chunks - 1) * group + extraWarmup, total);
  const order: StageOp[] = [];
  const forward = chunkRunner(stages, group, (chunk) => chunk);
  const backward = chunkRunner(stages, group, (chunk) => chunks - 1 - chunk);
  const waiting: StageOp[] = [];
  for (let k = 0; k < total + warmup; k++) {
    if (k < total) order.push({ op: 'F', ...forward(k) });
    if (k < warmup) continue;
    const j = k - warmup;
    const at = backward(j);
    order.push({ op: split ? 'I' : 'B', ...at });
    if (!split) continue;
    waiting.push({ op: 'W', ...at });
    if (j >= delay) order.push(waiting.shift()!);
  }
  return [...order, ...waiting];
}

/** The k-th pass: chunks take turns every `group` passes; the microbatch is a running counter per stage. */
function chunkRunner(stages: readonly number[], group: number, chunkAt: (turn: number) => number) {
  const done = new Map<number, number>();
  return (k: number): { stage: number; mb: number } => {
    const stage = stages[chunkAt(Math.floor(k / group) % stages.length)]!;
    const mb = done.get(stage) ?? 0;
    done.set(stage, mb + 1);
    return { stage, mb };
  };
}

/**
 * ZB-V: chunk 0 on the way down, chunk 1 on the way up. The order is made for at least 2P - 1 microbatches; passes of
 * microbatches that do not exist are left out.
 */
function zeroBubbleV(stages: readonly number[], { pp, microbatches }: ParallelPlan, p: number): StageOp[] {
  const planned = Math.max(microbatches, 2 * pp - 1);
  const order: StageOp[] = [];
  const next = new Map<string, number>();
  const left = (op: string, chunk: number) => planned - (next.get(op + chunk) ?? 0);
  const run = (...passes: readonly (readonly [op: StageOp['op'], chunk: number])[]) => {
    for (const [op, chunk] of passes) {
      const mb = next.get(op + chunk) ?? 0;
      next.set(op + chunk, mb + 1);
      if (mb < microbatches) order.push({ op, stage: stages[chunk]!, mb });
    }
  };
  for (let i = 0; i < 2 * (pp - p) - 1; i++) run(['F', 0]);
  for (let i = 0; i < p; i++) run(['F', 1], ['F', 0]);
  for (let i = 0; i < pp - p; i++) run(['F', 1], ['I', 1], ['W', 1]);
  while (left('F', 1) > 0) {
    if (left('F', 0) > 0) run(['F', 0]);
    run(['I', 0], ['W', 0], ['F', 1], ['I', 1], ['W', 1]);
  }
  for (let i = 0; i < p; i++) run(['I', 0], ['I', 1]);
  for (let i = 0; i < pp - p; i++) run(['I', 0], ['W', 0]);
  while (left('W', 1) > 0) run(['W', 1]);
  while (left('W', 0) > 0) run(['W', 0]);
  return order;
}
