/** The answers of docs/lecturers.md to docs/exercises.md, computed by the functions that the product uses. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { parameterCount } from '../../../src/pages/lecture/facts/units';
import { STAGES, stateBytes, theory, trafficFactor } from '../../../src/pages/lecture/models/cut/states';
import { aliveOf } from '../../../src/pages/lecture/models/time/alive';
import { bubbleFormula, idealOf } from '../../../src/pages/lecture/models/time/ideal';
import { percent } from '../../../src/pages/lecture/words';
import { bytes } from '../../../src/pages/state/format';
import type { RunFile } from '../../../src/pages/tab';
import { collectiveBytes, collectiveCost } from '../../../src/plan/linkcosts';
import { type ParallelPlan, parsePlan } from '../../../src/plan/plan';
import { clusterOf, simulate } from '../../../src/plan/simulate';

const DOCS = join(import.meta.dirname, '../../../docs');
const MS = (value: number) => `${value.toFixed(value < 100 ? 1 : 0)} ms`;

/** Four equal stages of one unit each: embedding and head cost nothing. */
const STAGE_UNITS = Array.from({ length: 4 }, (_, unit) => ({ name: `u${unit}`, paramFloats: 0, cost: 1 }));

function makespan(plan: ParallelPlan, latencyMs: number): number {
  const links = { latencyMs, bytesPerMs: Number.POSITIVE_INFINITY };
  const costs = { passMs: () => 1, stepMs: () => 0, borderBytes: 0, links };
  return simulate(clusterOf(plan, STAGE_UNITS), costs).makespanMs;
}

const model = { arch: 'gpt2', layers: 12, heads: 12, kvHeads: 12, dim: 768, hidden: 3072, context: 1024, vocab: 50257 };
const small = { model: { ...model, tieEmbeddings: true } } as unknown as RunFile;
const large = { model: { ...small.model, layers: 48, heads: 25, kvHeads: 25, dim: 1600, hidden: 6400 } } as RunFile;
const pipeline = (schedule: ParallelPlan['schedule'], microbatches = 8) => parsePlan({ pp: 4, schedule, microbatches });

function firstPeak(schedule: ParallelPlan['schedule']): number {
  return aliveOf(idealOf(pipeline(schedule), STAGE_UNITS as never)(() => 1))[0]!.peak;
}

const ANSWERS: Readonly<Record<number, () => string>> = {
  1: () => bytes(collectiveBytes(200e3, 4, 2)),
  2: () => `${bytes(collectiveBytes(200e3, 8, 2))}; twice the array, 400 kB`,
  3: () => STAGES.map((zero) => stateBytes(theory(zero, 4))).join(', '),
  4: () => `${bytes(16 * parameterCount(small))}; ${bytes((16 * parameterCount(small)) / 4)}`,
  5: () => `${trafficFactor(3, 4) / trafficFactor(0, 4)} times`,
  6: () => percent(bubbleFormula(pipeline('gpipe')).bubble),
  7: () => {
    let microbatches = 4;
    while (bubbleFormula(pipeline('1f1b', microbatches)).bubble >= 0.1) microbatches++;
    return `${microbatches}`;
  },
  8: () => `${firstPeak('gpipe')}; ${firstPeak('1f1b')}`,
  9: () => percent(bubbleFormula(pipeline('zb-v')).bubble),
  10: () => bytes(4 * collectiveBytes(4 * 2 * 64 * 64, 4, 2)),
  11: () => (['1f1b', 'eager-1f1b', 'gpipe'] as const).map((one) => makespan(pipeline(one, 16), 0.5)).join(', '),
  12: () => {
    const links = { latencyMs: 1, bytesPerMs: 125_000 };
    return [true, false].map((direct) => MS(collectiveCost(64e3, 8, 2, links, direct).totalMs)).join('; ');
  },
  13: () => percent(300 / (4 * 100)),
  15: () => {
    const keeps = STAGES.map((zero) => stateBytes(theory(zero, 8)) * parameterCount(large));
    const fits = keeps.flatMap((one, zero) => (one <= 4e9 ? [`ZeRO-${zero}`] : []));
    return `${keeps.map(bytes).join(', ')}; ${fits.join(', ')}`;
  },
  14: () => MS(collectiveCost(4 * 10.8e6, 4, 2, { latencyMs: 1, bytesPerMs: 12_500 }, false).totalMs),
};

/** Rows `| number | answer |` of the guide. */
const answers = new Map(
  [...readFileSync(join(DOCS, 'lecturers.md'), 'utf8').matchAll(/^\| (\d+) \| ([^|]+) \|/gm)].map(([, n, text]) => [
    Number(n),
    text!.trim(),
  ]),
);

test('every exercise has an answer', () => {
  const numbers = [...readFileSync(join(DOCS, 'exercises.md'), 'utf8').matchAll(/^(\d+)\. /gm)].map(([, n]) =>
    Number(n),
  );
  expect(numbers).toEqual(Array.from({ length: 15 }, (_, i) => i + 1));
  expect([...answers.keys()]).toEqual(numbers);
});

describe('answers', () => {
  test.each(Object.keys(ANSWERS).map(Number))('%i', (number) => {
    expect(answers.get(number)).toBe(ANSWERS[number]!());
  });
});
