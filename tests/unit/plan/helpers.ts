/** Small models and whole-cluster programs for the plan tests. */
import { lower, type Program } from '../../../src/plan/lower';
import { type Mesh, makeMesh } from '../../../src/plan/mesh';
import { type Action, type ParallelPlan, parsePlan, SCHEDULES, type UnitSize } from '../../../src/plan/plan';
import { type RunFacts, validatePlan } from '../../../src/plan/rules';
import { printAction } from '../../../src/plan/text';

/** Units that are all alike: a pipeline of bare stages. */
export function evenUnits(count: number, cost = 1): UnitSize[] {
  return Array.from({ length: count }, (_, i) => ({ name: `block${i}`, paramFloats: 128, cost }));
}

/** embed, blocks, head; tied unless told otherwise. */
export function gptUnits(layers: number, tied = true): UnitSize[] {
  const blocks = Array.from({ length: layers }, (_, i) => ({ name: `block${i}`, paramFloats: 1200, cost: 1 }));
  return [
    { name: 'embed', paramFloats: 640, cost: 0.1 },
    ...blocks,
    { name: 'head', paramFloats: tied ? 16 : 528, cost: 0.6, ...(tied ? { table: { unit: 0, floats: 512 } } : {}) },
  ];
}

export function meshes(plan: ParallelPlan): Mesh[] {
  const peers = Array.from({ length: plan.dp * plan.pp * plan.tp }, (_, rank) => `peer${rank}`);
  return peers.map((_, rank) => makeMesh(1, peers, rank, plan));
}

export function programs(plan: ParallelPlan, units: readonly UnitSize[]): Program[] {
  return meshes(plan).map((mesh) => lower(plan, mesh, units));
}

/** (chunks, microbatches, pp) of PyTorch's interleaved schedules: all run, though several are no multiple of pp. */
export const PYTORCH_GRID: readonly (readonly [chunks: number, microbatches: number, pp: number])[] = [
  ...([
    [2, 2, 2],
    [2, 4, 4],
    [2, 8, 2],
    [2, 8, 4],
    [2, 8, 8],
    [4, 4, 4],
    [4, 8, 4],
    [4, 8, 8],
    [4, 16, 4],
  ] as const),
  ...([
    [4, 32, 4],
    [4, 64, 4],
    [4, 16, 16],
    [4, 32, 32],
    [4, 128, 64],
    [3, 2, 2],
    [3, 8, 2],
    [3, 12, 4],
  ] as const),
  ...([
    [4, 6, 3],
    [4, 10, 5],
    [2, 3, 4],
    [2, 10, 4],
    [2, 15, 4],
  ] as const),
];

export const FACTS: RunFacts = { ranks: 1, layers: 8, heads: 8, kvHeads: 4, hidden: 64, globalBatch: 64 };

/** Every plan of at most `ranks` ranks that the rules let through, with few microbatches and every dimension tried. */
export function everyPlan(ranks: number, facts: RunFacts = FACTS): ParallelPlan[] {
  const found: ParallelPlan[] = [];
  const sizes = [1, 2, 3, 4, 8];
  for (const dp of sizes) {
    for (const pp of sizes) {
      for (const tp of [1, 2, 4]) {
        if (dp * pp * tp > ranks) continue;
        for (const zero of [0, 1, 2, 3]) {
          for (const schedule of SCHEDULES) {
            for (const chunks of [1, 2, 3]) {
              for (const microbatches of new Set([1, pp, 2 * pp, 2 * pp + 1])) {
                const plan = parsePlan({ dp, pp, tp, zero, schedule, chunks, microbatches });
                if (isValid(plan, { ...facts, ranks: dp * pp * tp })) found.push(plan);
              }
            }
          }
        }
      }
    }
  }
  return found;
}

function isValid(plan: ParallelPlan, facts: RunFacts): boolean {
  try {
    validatePlan(plan, facts);
    return true;
  } catch {
    return false;
  }
}

/** The lines of a program with one of `ops`, or all of them, as text. */
export const lines = ({ actions }: Program, units: readonly UnitSize[], ...ops: Action['op'][]) =>
  actions.filter(({ op }) => ops.length === 0 || ops.includes(op)).map((action) => printAction(action, units));

/** The program of a rank under the plan with these fields, line by line. */
export const show = (fields: object, units: readonly UnitSize[], rank = 0) => {
  const program = programs(parsePlan(fields), units)[rank]!;
  return printProgram(program.actions, units).split('\n');
};

/** The whole program, one line per action. */
export function printProgram(actions: readonly Action[], units: readonly UnitSize[]): string {
  return actions.map((action) => printAction(action, units)).join('\n');
}
