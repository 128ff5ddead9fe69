/** Rules that hold for the programs of every plan of at most 8 ranks. */
import { describe, expect, test } from 'vitest';
import { lower, lowerForward, type Program } from '../../../src/plan/lower';
import type { Mesh } from '../../../src/plan/mesh';
import { everyPlan, gptUnits, meshes, printProgram } from './helpers';

describe('every plan of at most 8 ranks', () => {
  const units = gptUnits(8);
  const clusters = everyPlan(8).map((plan) => {
    const cluster = meshes(plan);
    return { plan, cluster, all: cluster.map((mesh) => lower(plan, mesh, units)) };
  });
  const texts = new Map(clusters.flatMap(({ all }) => all.map((one) => [one, printProgram(one.actions, units)])));
  /** Plans for which `holds` is false on some rank. */
  const broken = (holds: (program: Program, mesh: Mesh, all: readonly Program[]) => boolean) =>
    clusters
      .filter(({ cluster, all }) => !cluster.every((mesh) => holds(all[mesh.rank]!, mesh, all)))
      .map(({ plan }) => JSON.stringify(plan));

  test('are many', () => expect(clusters.length).toBeGreaterThan(1000));

  test('the ranks of a dp group run the same program, those of a tp group too', () => {
    const same = (a: Program, b: Program) => texts.get(a) === texts.get(b);
    expect(
      broken((program, mesh, all) =>
        (['dp', 'tp'] as const).every((axis) => same(program, all[mesh.ranks(axis)[0]!]!)),
      ),
    ).toEqual([]);
  });

  test('no two lines are equal', () => {
    expect(broken((program) => new Set(texts.get(program)!.split('\n')).size === program.actions.length)).toEqual([]);
  });

  test('passes and reductions come before the one NORM, steps after it', () => {
    const holds = ({ actions }: Program) => {
      const norm = actions.findIndex(({ op }) => op === 'NORM');
      const before = actions.findLastIndex(({ op }) => 'FBIW'.includes(op) || op === 'REDUCE');
      const once = actions.findLastIndex(({ op }) => op === 'NORM') === norm;
      return once && before < norm && actions.findIndex(({ op }) => op === 'STEP') > norm;
    };
    expect(broken(holds)).toEqual([]);
  });

  test('each unit is stepped on one pipeline rank and has slots exactly there', () => {
    const holds = ({ actions, slots, stages }: Program) => {
      const stepped = actions.flatMap((line) => (line.op === 'STEP' ? [line.unit] : []));
      const slotted = slots.flatMap((count, unit) => (count > 0 ? [unit] : []));
      const staged = stages.flatMap(({ first, last }) => units.map((_, unit) => unit).slice(first, last + 1));
      return `${stepped}` === `${slotted}` && `${stepped}` === `${staged}`;
    };
    expect(broken(holds)).toEqual([]);
  });

  test('slots taken by microbatch modulo their number are free when taken', () => {
    const holds = ({ actions, slots }: Program) => {
      const taken = new Set<string>();
      for (const line of actions) {
        if (line.op !== 'F' && line.op !== 'B' && line.op !== 'W') continue;
        const slot = `${line.unit} ${line.mb % slots[line.unit]!}`;
        if (line.op === 'F' && taken.has(slot)) return false;
        if (line.op === 'F') taken.add(slot);
        else taken.delete(slot);
      }
      return taken.size === 0;
    };
    expect(broken(holds)).toEqual([]);
  });

  test('with zero 3 parameters are there whenever they are read, never twice, and gone at the end', () => {
    const holds = ({ actions }: Program, mesh: Mesh) => {
      if (!actions.some(({ op }) => op === 'FREE')) return true;
      const here = new Set<number>();
      let most = 0;
      for (const line of actions) {
        if (line.op === 'GATHER' && here.has(line.unit)) return false;
        if (line.op === 'GATHER') here.add(line.unit);
        if (line.op === 'FREE' && !here.delete(line.unit)) return false;
        // the backward of the embedding reads no parameter
        const reads = line.op === 'F' || ((line.op === 'B' || line.op === 'I') && line.unit > 0);
        if (reads && !here.has(line.unit)) return false;
        most = Math.max(most, here.size);
      }
      // the unit at work, the next one, and the table between the head's forward and backward
      return here.size === 0 && (mesh.ranks('pp').length > 1 || most <= 3);
    };
    expect(broken(holds)).toEqual([]);
  });
});

test('the forward alone has the same slots and sends, and commits nothing', () => {
  const units = gptUnits(4);
  const forwardOps = new Set(['F', 'SEND', 'RECV', 'GATHER', 'FREE', 'TIE']);
  const passes = ({ actions }: Program) =>
    actions.filter((line) => line.op === 'F' || ((line.op === 'SEND' || line.op === 'RECV') && line.dir === 'act'));
  const plans = everyPlan(4).filter(({ pp, chunks, tp }) => pp * chunks <= 6 && tp === 1);
  const wrong = plans.filter((plan) =>
    meshes(plan).some((mesh) => {
      const whole = lower(plan, mesh, units);
      const forward = lowerForward(plan, mesh, units);
      const same = printProgram(passes(forward), units) === printProgram(passes(whole), units);
      return !same || `${forward.slots}` !== `${whole.slots}` || !forward.actions.every(({ op }) => forwardOps.has(op));
    }),
  );
  expect(wrong).toEqual([]);
});
