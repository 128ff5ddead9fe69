/**
 * Checks whether a plan can run, before anything starts. Every refusal states one inequality with its numbers and the
 * way out. Pipeline shapes are refused as PyTorch's pipelining schedules refuse them. Memory is not checked here
 * (gpu/memory.ts).
 */
import { PlanError } from '../errors';
import { refuseUnless } from './fields';
import type { ParallelPlan } from './plan';

/** The facts that a plan is checked against. */
export interface RunFacts {
  /** Ranks that take part. */
  readonly ranks: number;
  readonly layers: number;
  readonly heads: number;
  readonly kvHeads: number;
  /** Width of the MLP. */
  readonly hidden: number;
  readonly globalBatch: number;
  readonly tieEmbeddings?: boolean;
  /** Set if only adapters are trained. */
  readonly lora?: unknown;
}

/** Throw PlanError unless `plan` can run on `facts`. Returns the plan, so that it can be used in an expression. */
export function validatePlan(plan: ParallelPlan, facts: RunFacts): ParallelPlan {
  checkRanks(plan, facts);
  checkBatch(plan, facts);
  checkShares(plan, facts);
  checkTensorParallel(plan, facts);
  checkPipeline(plan, facts);
  checkStageUnits(plan, facts);
  checkOverlap(plan);
  checkPlacement(plan);
  checkPerMachine(plan);
  checkOuter(plan, facts);
  checkWire(plan);
  checkLora(plan, facts);
  return plan;
}

/** Whether `plan` can run on `facts`. */
export function isRunnable(plan: ParallelPlan, facts: RunFacts): boolean {
  try {
    validatePlan(plan, facts);
    return true;
  } catch (error) {
    if (error instanceof PlanError) return false;
    throw error;
  }
}

function checkRanks({ dp, pp, tp }: ParallelPlan, { ranks }: RunFacts): void {
  refuseUnless(dp * pp * tp === ranks, () => {
    return `plan.dp ${dp} x plan.pp ${pp} x plan.tp ${tp} = ${dp * pp * tp} ranks, but ${ranks} take part; change the plan or start ${dp * pp * tp}`;
  });
}

function checkBatch({ dp, microbatches }: ParallelPlan, { globalBatch }: RunFacts): void {
  refuseUnless(globalBatch >= dp * microbatches, () => {
    return `train.globalBatch ${globalBatch} < plan.dp ${dp} x plan.microbatches ${microbatches} = ${dp * microbatches}: every microbatch needs a sample; raise globalBatch or lower microbatches or dp`;
  });
}

function checkShares({ dp, microbatches, shares }: ParallelPlan, { globalBatch }: RunFacts): void {
  if (!shares) return;
  refuseUnless(shares.length === dp, () => {
    return `plan.shares has ${shares.length} shares for plan.dp ${dp} replicas; give one share for each, or leave shares out`;
  });
  const sum = sumOf(shares);
  refuseUnless(sum === globalBatch, () => {
    return `plan.shares ${shares.join(' + ')} = ${sum}, but train.globalBatch is ${globalBatch}; every sample belongs to one replica, so make them equal`;
  });
  const least = Math.min(...shares);
  refuseUnless(least >= microbatches, () => {
    return `plan.shares has a share of ${least} < plan.microbatches ${microbatches}: every microbatch needs a sample; raise the share or lower microbatches`;
  });
}

function checkStageUnits({ pp, chunks, stageUnits }: ParallelPlan, { layers }: RunFacts): void {
  if (!stageUnits) return;
  refuseUnless(stageUnits.length === pp * chunks, () => {
    return `plan.stageUnits has ${stageUnits.length} stages, but plan.pp ${pp} x plan.chunks ${chunks} = ${pp * chunks}; give the units of each stage, or leave stageUnits out`;
  });
  const sum = sumOf(stageUnits);
  refuseUnless(sum === layers + 2, () => {
    return `plan.stageUnits ${stageUnits.join(' + ')} = ${sum} units, but the model has model.layers ${layers} + 2 (embed and head) = ${layers + 2}; make them equal`;
  });
}

function sumOf(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0);
}

function checkTensorParallel({ tp }: ParallelPlan, { heads, kvHeads, hidden }: RunFacts): void {
  refuseUnless(
    heads % tp === 0,
    () =>
      `model.heads ${heads} mod plan.tp ${tp} = ${heads % tp}, but heads are split whole; choose tp among the divisors of ${heads}`,
  );
  refuseUnless(kvHeads % tp === 0 || tp % kvHeads === 0, () => {
    return `model.kvHeads ${kvHeads} and plan.tp ${tp}: one must divide the other (a key/value head is on one rank, or copied on tp/kvHeads ranks); choose another tp`;
  });
  refuseUnless(
    hidden % tp === 0,
    () =>
      `model.hidden ${hidden} mod plan.tp ${tp} = ${hidden % tp}, but the MLP is split evenly; choose tp among the divisors of ${hidden}`,
  );
}

function checkPipeline(plan: ParallelPlan, { layers }: RunFacts): void {
  const { pp, schedule, chunks, microbatches } = plan;
  const stages = pp * chunks;
  refuseUnless(stages <= layers + 2, () => {
    return `plan.pp ${pp} x plan.chunks ${chunks} = ${stages} stages > model.layers ${layers} + 2 (embed and head) = ${layers + 2} units; every stage needs a unit, so lower pp or chunks`;
  });
  checkChunks(plan);
  if (schedule === '1f1b' || schedule === 'eager-1f1b') {
    refuseUnless(
      microbatches >= pp,
      () =>
        `plan.microbatches ${microbatches} < plan.pp ${pp}: ${schedule} needs at least one microbatch per stage; raise microbatches to ${pp} or take gpipe`,
    );
  }
  if (schedule === 'interleaved' || schedule === 'zb-h1') {
    const rounds = Math.max(1, Math.floor(microbatches / pp));
    refuseUnless(microbatches % rounds === 0, () => {
      return `plan.microbatches ${microbatches} mod ${rounds} rounds (microbatches / pp ${pp}, rounded down) = ${microbatches % rounds}: ${schedule} needs equal rounds; take ${Math.ceil(microbatches / pp) * pp} microbatches`;
    });
  }
}

function checkChunks({ schedule, chunks }: ParallelPlan): void {
  const allowed = {
    'zb-v': [2, 2, 'zb-v lays two chunks on every rank, down and up again; set chunks to 2'],
    interleaved: [
      2,
      Number.POSITIVE_INFINITY,
      'interleaved takes several chunks per rank; set chunks to 2 or take 1f1b',
    ],
    'zb-h1': [1, Number.POSITIVE_INFINITY, ''],
  } as const;
  const [least, most, wayOut] =
    schedule in allowed
      ? allowed[schedule as keyof typeof allowed]
      : ([1, 1, `${schedule} runs one stage per rank; set chunks to 1 or take interleaved`] as const);
  refuseUnless(chunks >= least, () => `plan.chunks ${chunks} < ${least}: ${wayOut}`);
  refuseUnless(chunks <= most, () => `plan.chunks ${chunks} > ${most}: ${wayOut}`);
}

/** With zero >= 2 every microbatch has its own REDUCE, which clears the gradient for the next one: it cannot wait. */
function checkOverlap({ overlap, zero }: ParallelPlan): void {
  refuseUnless(overlap !== false || zero < 2, () => {
    return `plan.overlap false with plan.zero ${zero}: gradients in shards are reduced after every microbatch; set zero to 0 or 1`;
  });
}

/** Only tp groups are placed across machines; shares and stages by speed hold for peers in their order. */
function checkPlacement({ placement, tp, shares, stageUnits }: ParallelPlan): void {
  if (placement === undefined) return;
  refuseUnless(
    tp > 1,
    () => `plan.placement across with plan.tp ${tp}: no group is placed; raise tp or set it to inside`,
  );
  refuseUnless(
    !shares && !stageUnits,
    () =>
      `plan.placement across with plan.${shares ? 'shares' : 'stageUnits'}: these hold for ranks in their order; leave one of them out`,
  );
}

function checkPerMachine({ perMachine, dp, pp, tp, zero, wire, shares }: ParallelPlan): void {
  if (perMachine === undefined) return;
  refuseUnless(dp > perMachine && dp % perMachine === 0, () => {
    return `plan.perMachine ${perMachine} with plan.dp ${dp}: every machine has as many replicas, and there are several; take a divisor below ${dp}`;
  });
  refuseUnless(pp * tp === 1 && zero === 0 && wire === 'f32' && !shares, () => {
    return `plan.perMachine ${perMachine} with pp ${pp}, tp ${tp}, zero ${zero}, wire ${wire}${shares ? ', shares' : ''}: only whole replicas with equal shares sum f32 in machines; leave perMachine out`;
  });
}

function checkOuter({ outer, zero }: ParallelPlan, { layers }: RunFacts): void {
  if (!outer) return;
  refuseUnless(
    zero === 0,
    () => `plan.outer with plan.zero ${zero} > 0: DiLoCo keeps every rank's own parameters and moments; set zero to 0`,
  );
  const { every, fragments = 1, delay = 0 } = outer;
  refuseUnless(fragments <= layers, () => {
    return `plan.outer.fragments ${fragments} > model.layers ${layers}: every fragment needs a block; lower fragments`;
  });
  refuseUnless(every % fragments === 0, () => {
    return `plan.outer.every ${every} mod plan.outer.fragments ${fragments} = ${every % fragments}: fragments take turns at equal distances; take a multiple of ${fragments}`;
  });
  refuseUnless(delay < every / fragments, () => {
    return `plan.outer.delay ${delay} >= ${every / fragments}, the steps from one fragment's turn to the next (every / fragments); lower delay`;
  });
}

/** The frozen parameters of a rank are whole, not in shards. */
function checkLora({ tp, pp, zero, outer }: ParallelPlan, { lora, tieEmbeddings, kvHeads }: RunFacts): void {
  if (lora === undefined) return;
  refuseUnless(tp <= kvHeads, () => {
    return `plan.tp ${tp} > model.kvHeads ${kvHeads} with train.lora: adapters of k and v are split by head and not copied; set tp to ${kvHeads} at most`;
  });
  refuseUnless(
    zero < 3,
    () =>
      `plan.zero ${zero} with train.lora: frozen parameters are not sharded; set zero to 2, which shards the moments`,
  );
  refuseUnless(
    outer === undefined,
    () => 'plan.outer with train.lora: DiLoCo averages whole models; leave one of them out',
  );
  refuseUnless(pp === 1 || !tieEmbeddings, () => {
    return `plan.pp ${pp} with train.lora and model.tieEmbeddings: the last stage has no copy of a frozen table; set pp to 1 and raise dp`;
  });
}

function checkWire({ wire, outer, feedback, zero }: ParallelPlan): void {
  refuseUnless(wire !== 'int4' || outer !== undefined, () => {
    return 'plan.wire int4 without plan.outer: 4 bits are too few for a gradient of every step; take int8';
  });
  refuseUnless(
    !feedback || wire !== 'f32',
    () => 'plan.feedback with plan.wire f32: nothing is lost; leave feedback out',
  );
  refuseUnless(!feedback || zero < 2, () => {
    return `plan.feedback with plan.zero ${zero}: gradients of each microbatch are summed by themselves; set zero to 0 or 1`;
  });
}
