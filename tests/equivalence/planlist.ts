/**
 * Which plans plans.test.ts runs: a covering sample, or with TABTRAIN_PLANS=all (npm run test:plans) every plan of at most
 * 8 ranks that the rules let through.
 */
import { PlanError } from '../../src/errors';
import { type ParallelPlan, parsePlan, SCHEDULES } from '../../src/plan/plan';
import { validatePlan } from '../../src/plan/rules';
import { type Fixture, readFixture } from '../helpers/fixture';

export const RUNS_ALL = process.env.TABTRAIN_PLANS === 'all';

const ZEROS = [0, 1, 2, 3] as const;

/** Each list is one family: its plans must agree bit by bit, too. */
const SAMPLE: readonly (readonly Readonly<Record<string, unknown>>[])[] = [
  [{ microbatches: 2, recompute: true }],
  ZEROS.map((zero) => ({ dp: 2, zero })),
  ZEROS.map((zero) => ({ dp: 2, microbatches: 3, zero, recompute: zero === 3 })),
  [
    { dp: 3, microbatches: 2 },
    { dp: 3, microbatches: 2, zero: 2 },
    { dp: 3, microbatches: 2, overlap: false },
  ],
  [{ dp: 8, zero: 1 }],
  // its sums are added in another order: a family of its own
  [{ dp: 4, perMachine: 2 }],
  // shares as for speeds 1 : 2 : 4
  ZEROS.map((zero) => ({ dp: 3, shares: [2, 5, 9], zero })),
  [{ dp: 2, tp: 2, shares: [4, 12], microbatches: 2 }],
  [
    ...SCHEDULES.map((schedule) => ({ pp: 2, schedule, microbatches: 4 })),
    { pp: 2, schedule: 'interleaved', chunks: 3, microbatches: 4 },
    { pp: 2, schedule: 'zb-h1', chunks: 2, microbatches: 4, recompute: true },
    { pp: 3, schedule: 'zb-v', microbatches: 4 },
    { pp: 4, schedule: 'eager-1f1b', microbatches: 4 },
    { pp: 2, stageUnits: [2, 6], microbatches: 4 },
    { pp: 2, schedule: 'zb-v', stageUnits: [1, 4, 2, 1], microbatches: 4 },
  ],
  [{ pp: 4, schedule: 'interleaved', chunks: 3, microbatches: 8 }],
  [{ dp: 2, pp: 2, microbatches: 2, shares: [11, 5], stageUnits: [5, 3] }],
  ZEROS.map((zero) => ({ dp: 2, pp: 2, microbatches: 2, zero, schedule: zero % 2 ? 'zb-v' : '1f1b' })),
  [{ tp: 2 }],
  [{ tp: 4, microbatches: 2 }],
  [
    { dp: 2, tp: 4, microbatches: 2 },
    { dp: 2, tp: 4, microbatches: 2, zero: 2 },
  ],
  [
    { dp: 2, pp: 2, tp: 2, microbatches: 2, schedule: 'zb-h1' },
    { dp: 2, pp: 2, tp: 2, microbatches: 2, zero: 1, schedule: 'zb-v' },
    { dp: 2, pp: 2, tp: 2, microbatches: 2, zero: 3 },
  ],
];

export interface PlanCase {
  readonly plan: ParallelPlan;
  readonly fixture: Fixture;
}

/** The plans of the sample, or all, of one architecture: six layers, or ten where the plan has more stages than units. */
export function casesOf(arch: 'gpt2' | 'llama'): readonly PlanCase[] {
  const [deep, tall] = [readFixture(`${arch}-deep`), readFixture(`${arch}-tall`)];
  return (RUNS_ALL ? everyPlan() : SAMPLE.flat().map(parsePlan)).flatMap((plan) => {
    const fixture = plan.pp * plan.chunks > deep.model.layers + 2 ? tall : deep;
    return fits(plan, fixture) ? [{ plan, fixture }] : [];
  });
}

function fits(plan: ParallelPlan, { model, train: { globalBatch } }: Fixture): boolean {
  try {
    validatePlan(plan, { ...model, globalBatch, ranks: plan.dp * plan.pp * plan.tp });
    return true;
  } catch (error) {
    if (error instanceof PlanError) return false;
    throw error;
  }
}

function everyPlan(): readonly ParallelPlan[] {
  const plans: ParallelPlan[] = [];
  for (const dp of [1, 2, 3, 4, 8]) {
    for (const pp of [1, 2, 4]) {
      for (const tp of [1, 2, 4]) {
        if (dp * pp * tp > 8) continue;
        for (const zero of dp > 1 ? ZEROS : [0]) {
          for (const schedule of pp > 1 ? SCHEDULES : ['1f1b']) {
            for (const chunks of [1, 2, 3]) {
              for (const microbatches of pp > 1 ? [pp, 2 * pp] : [1, 2, 4]) {
                plans.push(parsePlan({ dp, pp, tp, zero, schedule, chunks, microbatches }));
              }
            }
          }
        }
      }
    }
  }
  return plans;
}

/** Plans of one family add the same numbers in the same order, so they are equal bit by bit. */
export function familyOf({ plan: { dp, pp, tp, microbatches, shares, perMachine }, fixture }: PlanCase): string {
  // why above 1: with a pipeline a tied head's part of the table is added after the last microbatch
  return `${fixture.model.layers} layers, dp ${dp} pp ${pp > 1 ? 'above 1' : 1} tp ${tp}, ${microbatches} microbatches, shares ${shares}, in machines of ${perMachine}`;
}

export function titleOf(plan: ParallelPlan): string {
  const { dp, pp, tp, zero, schedule, chunks, microbatches, recompute, overlap, shares, stageUnits, perMachine } = plan;
  const order = pp > 1 ? ` ${schedule} of ${chunks}` : '';
  return `dp ${dp} pp ${pp} tp ${tp} zero ${zero}${order}, ${microbatches} microbatches${recompute ? ', recompute' : ''}${overlap === false ? ', no overlap' : ''}${shares ? `, shares ${shares}` : ''}${stageUnits ? `, stages of ${stageUnits} units` : ''}${perMachine ? `, in machines of ${perMachine}` : ''}`;
}
