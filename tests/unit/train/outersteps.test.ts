/**
 * Outer steps over memory links, beside the same sums in float64: replicas move by known amounts, fragments take turns with a
 * delay and a share of their own, and int8 keeps all replicas equal to the bit. No device: arrays stand for it.
 */

import { describe, expect, test } from 'vitest';
import type { Instance } from '../../../src/model/instance';
import { codecOf } from '../../../src/net/collective/codec';
import { makeGroup } from '../../../src/net/collective/group';
import { makeMesh } from '../../../src/plan/mesh';
import { fragmentOf, outerAt } from '../../../src/plan/outer';
import { type OuterPlan, parsePlan } from '../../../src/plan/plan';
import type { Wire } from '../../../src/plan/wire';
import { Trace } from '../../../src/trace/trace';
import { type Cluster, Codings } from '../../../src/train/rank/cluster';
import { OuterSteps } from '../../../src/train/rank/outersteps';
import { memoryTransports } from '../../helpers/memory';

const UNITS = 4;
const FLOATS = 300;
const STEPS = 13;
const SHARES = [3, 2, 2];

/** What a replica's own training adds to an element in a step. */
const moved = (replica: number, step: number, unit: number, i: number) =>
  Math.sin(1 + replica * 7 + step * 3 + unit * 11 + i) / 10;

const beginning = (unit: number, i: number) => Math.cos(unit + i);

/** All replicas as the executor runs them: move, commit, the step's OUTER lines, which the next step awaits. */
async function train(fields: object, wire: Wire = 'f32') {
  const plan = parsePlan({ dp: SHARES.length, outer: fields, wire });
  const outer = plan.outer!;
  const transports = memoryTransports(SHARES.length, { jitterMs: 1, seed: 5 });
  const peers = transports.map(({ self }) => self);
  const { signal } = new AbortController();
  const all = peers.map((_, rank) => rank);
  const replicas = transports.map((transport, rank) => {
    const mesh = makeMesh(1, peers, rank, plan);
    const group = makeGroup(transport, mesh, 'dp', all, signal);
    const trace = new Trace();
    const codings = { reduce: new Codings(undefined, false), outer: new Codings(codecOf(wire), false) };
    const cluster: Cluster = { mesh, transport, dp: group, tp: group, world: group, signal, trace, codings };
    const arrays = Array.from({ length: UNITS }, (_, unit) =>
      Float32Array.from({ length: FLOATS }, (__, i) => beginning(unit, i)),
    );
    const device = {
      here: [...arrays.keys()],
      units: arrays,
      whole: (_: string, unit: number) => unit,
      stream: {
        read: async (unit: number) => arrays[unit]!.slice(),
        write: (unit: number, values: Float32Array) => arrays[unit]!.set(values),
      },
    };
    return { arrays, steps: new OuterSteps(device as unknown as Instance, cluster, outer) };
  });
  await Promise.all(replicas.map(({ steps }) => steps.begin(0)));
  for (let step = 0; step < STEPS; step++) {
    const { takes, uses, isWhole } = outerAt(outer, step, STEPS);
    const ballots = replicas.map(({ steps }, rank) => ({
      loss: 0,
      sumsq: [],
      samples: steps.samplesAfter(SHARES[rank]!),
      vote: [],
    }));
    await Promise.all(
      replicas.map(async ({ arrays, steps }, rank) => {
        for (const [unit, array] of arrays.entries()) {
          for (let i = 0; i < FLOATS; i++) array[i]! += moved(rank, step, unit, i);
        }
        steps.commit(ballots, step);
        for (const unit of arrays.keys()) {
          const fragment = fragmentOf(unit, UNITS, outer);
          const [isTaken, isUsed] = [takes.includes(fragment), uses.includes(fragment)];
          const part = isWhole ? 'whole' : isTaken && isUsed ? undefined : isUsed ? 'use' : 'take';
          if (isTaken || isUsed) steps.start({ op: 'OUTER', unit, ...(part && { part }) }, `1/${step}/OUTER ${unit}`);
        }
        await steps.made();
      }),
    );
  }
  return replicas.map(({ arrays }) => arrays);
}

/** The same in float64 by the formulas: by replica and unit. */
function expected(outer: OuterPlan): number[][][] {
  const { fragments = 1, delay = 0, mix = 0, lr, momentum, every } = outer;
  const own = SHARES.map(() =>
    Array.from({ length: UNITS }, (_, unit) =>
      Array.from({ length: FLOATS }, (__, i) => Math.fround(beginning(unit, i))),
    ),
  );
  const anchor = structuredClone(own[0]!);
  const speed = anchor.map((unit) => unit.map(() => 0));
  const trained = SHARES.map(() => Array<number>(fragments).fill(0));
  const waiting = new Map<number, { fragment: number; counted: number[]; delta: number[][] }>();
  const take = (fragment: number) => {
    const counted = trained.map((samples) => samples[fragment]!);
    const total = counted.reduce((sum, samples) => sum + samples, 0);
    const delta = anchor.map((unit, u) =>
      unit.map((x, i) => counted.reduce((sum, w, k) => sum + w * (x - own[k]![u]![i]!), 0) / total),
    );
    return { fragment, counted, delta };
  };
  const use = ({ fragment, counted, delta }: ReturnType<typeof take>, keep: number) => {
    for (let u = 0; u < UNITS; u++) {
      if (fragmentOf(u, UNITS, outer) !== fragment) continue;
      for (let i = 0; i < FLOATS; i++) {
        speed[u]![i] = momentum * speed[u]![i]! + delta[u]![i]!;
        anchor[u]![i]! -= lr * (delta[u]![i]! + momentum * speed[u]![i]!);
        for (const replica of own) replica[u]![i] = anchor[u]![i]! + keep * (replica[u]![i]! - anchor[u]![i]!);
      }
    }
    for (const [k, samples] of trained.entries()) samples[fragment]! -= counted[k]!;
  };
  const turn = every / fragments;
  for (let step = 0; step < STEPS; step++) {
    for (const [k, replica] of own.entries()) {
      for (const [u, unit] of replica.entries()) for (let i = 0; i < FLOATS; i++) unit[i]! += moved(k, step, u, i);
      trained[k] = trained[k]!.map((samples) => samples + SHARES[k]!);
    }
    if (step === STEPS - 1) {
      for (let fragment = 0; fragment < fragments; fragment++) use(take(fragment), 0);
      continue;
    }
    const border = step + 1 + delay;
    if (border % turn === 0 && step + delay < STEPS - 1) {
      waiting.set(step + delay, take((border / turn - 1) % fragments));
    }
    const taken = waiting.get(step);
    if (taken) use(taken, mix);
  }
  return own;
}

describe.each([
  { every: 4, lr: 0.7, momentum: 0.9 },
  { every: 5, lr: 0.5, momentum: 0.8, mix: 0.25 },
  { every: 6, lr: 0.4, momentum: 0.9, fragments: 2 },
  { every: 6, lr: 0.4, momentum: 0.9, fragments: 2, delay: 1, mix: 0.5 },
  { every: 4, lr: 1, momentum: 0.5, delay: 3 },
])('%j', (outer) => {
  test('is the sum by the formulas, and all replicas end with the same bits', async () => {
    const replicas = await train(outer);
    const reference = expected(parsePlan({ outer }).outer!);
    for (const [k, arrays] of replicas.entries()) {
      for (const [unit, array] of arrays.entries()) {
        expect(array).toEqual(replicas[0]![unit]!);
        // float32 against float64: values of about 1, some thirty additions
        for (let i = 0; i < FLOATS; i++) expect(Math.abs(array[i]! - reference[k]![unit]![i]!)).toBeLessThan(2e-5);
      }
    }
  });

  test('in int8 and int4 replicas end with the same bits, not those of f32', async () => {
    const plain = await train(outer);
    for (const wire of ['int8', 'int4'] as const) {
      const replicas = await train(outer, wire);
      for (const arrays of replicas) expect(arrays).toEqual(replicas[0]);
      expect(replicas[0]).not.toEqual(plain[0]);
    }
  });
});
