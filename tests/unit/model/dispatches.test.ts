/** Dispatches of a step by the kind of device, counted without one: what the lists have, less what a device leaves out. */
import { expect, test } from 'vitest';
import type { Instr } from '../../../src/gpu/instr';
import { type Abilities, candidates } from '../../../src/gpu/pipeline';
import { recordModel } from '../../../src/model/model';
import { Tapes } from '../../../src/model/tapes';
import { gpt } from '../../../src/worker/chip/steps';

const device = (software: boolean): Abilities => ({
  raw: { features: new Set(['subgroups']) },
  report: { software },
  matmulPrecision: 'f32',
});

function runs(list: readonly Instr[], abilities: Abilities): number {
  return list.filter((line) => {
    if (line.do !== 'run') return false;
    const { kernel, knobs, params } = line;
    const [first] = candidates(abilities, kernel, knobs, params);
    return kernel.grid(params, { ...first!.knobs, ...knobs, ...kernel.knobsFor?.(params) })[0] > 0;
  }).length;
}

/** Of one rank without microbatches: the lists, the sum of the losses, the norm and the update. */
function dispatches(layers: number, batch: number, abilities: Abilities, split = false): number {
  const units = recordModel(gpt(layers, 64, 4, 64, 65), batch);
  const lists = units.flatMap((_, unit) => {
    const passes = Tapes.of(units).passes(unit, { recompute: false, split });
    return passes.names.map((name) => passes.list(name));
  });
  return lists.reduce((sum, list) => sum + runs(list, abilities), 0) + 3;
}

test.each([2, 4, 6])('%i layers', (layers) => {
  expect(dispatches(layers, 8, device(true))).toBe(18 * layers + 12);
  // input and weight gradients apart: so are the weights of norms
  expect(dispatches(layers, 8, device(true), true)).toBe(20 * layers + 13);
  // chips: attention's backward is two; with many rows, partial sums of the norms are folded
  expect(dispatches(layers, 8, device(false))).toBe(19 * layers + 12);
  expect(dispatches(layers, 32, device(false))).toBe(21 * layers + 13);
});
