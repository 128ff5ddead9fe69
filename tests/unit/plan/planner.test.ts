import { describe, expect, test } from 'vitest';
import { planTable } from '../../../src/cli/plantable';
import { unitSizes } from '../../../src/model/model';
import { footprintOf } from '../../../src/plan/footprint';
import { collectiveMs } from '../../../src/plan/links';
import { type ParallelPlan, parsePlan } from '../../../src/plan/plan';
import { deviceOfSpeed, predict, type Recommendation, recommend } from '../../../src/plan/planner';
import type { Device } from '../../../src/plan/prediction';
import { clusterOf } from '../../../src/plan/simulate';
import { figuresOf, type ModelShape } from '../../../src/plan/sizes';
import { nameOf } from '../../../src/plan/why';

/** 10.8 M parameters, as in the worked values of the reference: batch 32 sequences of 256, 200 GFLOP/s. */
const SMALL: ModelShape = {
  arch: 'gpt2',
  layers: 6,
  heads: 6,
  kvHeads: 6,
  dim: 384,
  hidden: 1536,
  context: 256,
  vocab: 65,
  tieEmbeddings: true,
};
const WORK = { model: SMALL, globalBatch: 32 };
const device = deviceOfSpeed(SMALL, 200e6, 4e9);
const four = [device, device, device, device];
const LAN = { latencyMs: 0.5, bytesPerMs: 200e3 };
const HOME = { latencyMs: 2, bytesPerMs: 12.5e3 };

const sum = (values: readonly number[]) => values.reduce((a, b) => a + b, 0);

describe('sizes', () => {
  test.each([
    [{ ...SMALL }, 1, 1],
    [{ ...SMALL, tieEmbeddings: false }, 4, 2],
    [{ ...SMALL, heads: 3, kvHeads: 3, dim: 60, hidden: 240, vocab: 97, context: 33 }, 3, 1],
    [{ ...SMALL, vocab: 66 }, 2, 2],
  ])('equal the flat buffers of the recorded model (%#)', (shape, dp, tp) => {
    const recorded = unitSizes({ ...shape, ropeTheta: 10000 }, dp, { size: tp, rank: tp - 1 });
    const figures = figuresOf(shape, dp, tp);
    expect(figures.map(({ name, paramFloats }) => [name, paramFloats])).toEqual(
      recorded.map(({ name, paramFloats }) => [name, paramFloats]),
    );
    expect(figures.at(-1)!.table).toEqual(recorded.at(-1)!.table);
  });

  test('GPT-2 small has 124,439,808 parameters', () => {
    const shape = { ...SMALL, layers: 12, heads: 12, kvHeads: 12, dim: 768, hidden: 3072, context: 1024, vocab: 50257 };
    const floats = sum(figuresOf(shape, 1, 1).map(({ paramFloats }) => paramFloats));
    // why 64: every tensor begins at a multiple of 4 floats
    expect(Math.abs(floats - 124_439_808)).toBeLessThan(64);
  });
});

describe('footprint', () => {
  const units = figuresOf({ ...SMALL, tieEmbeddings: false }, 4, 1);
  const params = sum(units.map(({ paramFloats }) => paramFloats));

  // bytes of model state per parameter with fp32 Adam: 16, 8 + 8/N, 4 + 12/N, 16/N
  test.each([
    [0, 16],
    [1, 10],
    [2, 7],
    [3, 4],
  ])('zero %i over 4 ranks holds %i bytes per parameter', (zero, bytes) => {
    const plan = parsePlan({ dp: 4, zero });
    const { param, grad, moment } = footprintOf(plan, clusterOf(plan, units).seats[0]!, units, 8);
    expect((param + grad + moment) / params).toBeCloseTo(bytes);
  });

  test('saved activations follow the slots, and recompute keeps only inputs', () => {
    const at = (fields: object, rank: number) => {
      const plan = parsePlan({ pp: 4, microbatches: 8, ...fields });
      return footprintOf(plan, clusterOf(plan, units).seats[rank]!, units, 1).saved;
    };
    expect(at({ schedule: 'gpipe' }, 1) / at({}, 1)).toBeCloseTo(8 / 3);
    expect(at({ recompute: true }, 1)).toBeLessThan(at({}, 1) / 10);
  });
});

describe('prediction', () => {
  const step = (fields: object, links = LAN) => predict(parsePlan(fields), WORK, four.slice(0, 4), links).stepMs;

  // milliseconds worked out by hand for 6 flops per parameter and token; the causal half of attention is not computed here
  test.each([
    [{ dp: 4 }, LAN, 740],
    [{ dp: 4, zero: 3 }, HOME, 8600],
    [{ dp: 4 }, HOME, 5750],
    [{ pp: 4, microbatches: 16 }, HOME, 2700],
    [{ tp: 4 }, HOME, 38_000],
  ])('%j is within 20 %% of the worked value', (fields, links, expected) => {
    expect(step(fields, links) / expected).toBeGreaterThan(0.8);
    expect(step(fields, links) / expected).toBeLessThan(1.2);
  });

  test('bytes equal the formulas', () => {
    const { bytesPerStep } = predict(parsePlan({ dp: 4 }), WORK, four, LAN);
    const params = 4 * sum(figuresOf(SMALL, 4, 1).map(({ paramFloats }) => paramFloats));
    expect(bytesPerStep).toBeCloseTo((2 * 3 * params) / 4);
    // per layer and microbatch 32 b s h (t - 1) / t, and embedding, loss and head as listed
    const tp = predict(parsePlan({ tp: 2 }), WORK, [device, device], LAN);
    const bsh = 32 * 256 * 384;
    const rest = (2 * bsh + 3 * 32 * 256) * 4;
    expect(tp.bytesPerStep).toBeCloseTo((6 * 32 * bsh + 2 * rest) / 2);
  });

  test('a slow device in a stage slows the pipeline', () => {
    const slow = deviceOfSpeed(SMALL, 50e6, 4e9);
    const plan = parsePlan({ pp: 4, microbatches: 16 });
    const slowed = predict(plan, WORK, [device, slow, device, device], LAN).stepMs;
    expect(slowed).toBeGreaterThan(2.5 * predict(plan, WORK, four, LAN).stepMs);
  });

  test('a ring is chosen where its hops vanish in the transfer, and hides all its latencies but one', () => {
    expect(collectiveMs(1e3, 8, 2, LAN)).toBeCloseTo(2 * 0.5 + (2 * 1e3) / 8 / 200e3);
    expect(collectiveMs(100e6, 8, 2, LAN)).toBeCloseTo(0.5 + (2 * 7 * 100e6) / 8 / 200e3);
    expect(collectiveMs(100e6, 1, 2, LAN)).toBe(0);
    // the direct form sends to all seven at once, which is more than this device gets rid of
    const busy = { ...LAN, deviceBytesPerMs: 100e3 };
    expect(collectiveMs(1e3, 8, 2, busy)).toBeCloseTo(2 * 0.5 + (2 * 7 * 1e3) / 8 / 100e3);
  });

  test('a ring of chunks shorter than a hop waits for every hop', () => {
    // 800 KB over 8 ranks in chunks of 100 KB: sent in 1 ms, the first piece of 65,280 bytes is there after 0.65 + 5 ms
    const links = { latencyMs: 5, bytesPerMs: 100e3 };
    expect(collectiveMs(800e3, 8, 2, links)).toBeCloseTo(13 * (0.6528 + 5) + 1 + 5);
    expect(collectiveMs(800e3, 8, 2, { ...links, hostMs: 3 })).toBeCloseTo(13 * (0.6528 + 5) + 1 + 5 + 3);
  });
});

describe('recommend', () => {
  const names = ({ ranked }: Recommendation) => ranked.map(({ plan }) => nameOf(plan));

  test('DDP where it fits and the network is fast', () => {
    const answer = recommend(WORK, four, LAN);
    expect(names(answer)[0]).toBe('DDP');
    expect(answer.why).toBe('DDP: it fits, and its traffic hides under the backward pass');
    expect(new Set(names(answer)).size).toBe(answer.ranked.length);
    for (const name of ['ZeRO-3', 'tp 2, ZeRO-1', 'dp 2 x pp 2 (zb-v), ZeRO-1', 'pp 4 (interleaved)']) {
      expect(
        names(answer).some((other) => other.includes(name)),
        name,
      ).toBe(true);
    }
  });

  test('a pipeline where the network is slow, since its borders are lighter than the gradients', () => {
    const { ranked, why } = recommend(WORK, four, HOME);
    expect(ranked[0]!.plan.pp).toBe(4);
    expect(why).toContain('MB a step instead of 65 MB');
  });

  test('says when one tab alone is faster', () => {
    const { why } = recommend(WORK, four, { latencyMs: 20, bytesPerMs: 2500 });
    expect(why).toContain('but one tab alone is faster');
  });

  test('something sharded where DDP does not fit, and says what DDP would need', () => {
    const limited = four.map((one) => ({ ...one, memoryBytes: 100e6 }));
    const { ranked, why } = recommend(WORK, limited, LAN);
    expect(ranked[0]!.fits).toBe(true);
    expect(ranked[0]!.memoryBytes).toBeLessThanOrEqual(100e6);
    expect(why).toMatch(/DDP would need \d+ MB of the 100 MB a rank has/);
    expect(ranked.find(({ plan }) => nameOf(plan).startsWith('DDP'))!.fits).toBe(false);
  });

  test('says when nothing fits', () => {
    const { ranked, why } = recommend(
      WORK,
      four.map((one) => ({ ...one, memoryBytes: 1e6 })),
      LAN,
    );
    expect(ranked.every(({ fits }) => !fits)).toBe(true);
    expect(why).toMatch(/^nothing fits: the smallest, .* needs .* MB and a rank has 1.00 MB/);
  });

  test('refuses a batch that no plan can cut', () => {
    expect(() =>
      recommend({ model: { ...SMALL, heads: 1, kvHeads: 1 }, globalBatch: 1 }, Array(16).fill(device), LAN),
    ).toThrow('no plan runs 1 sequences a step on 16 ranks');
  });
});

describe('npm run plan', () => {
  const file = JSON.stringify({ model: SMALL, train: { globalBatch: 32 }, plan: { dp: 64 } });
  const table = (...args: string[]) => planTable(args, () => file);

  test('prints the ranked plans, one tab for comparison, and why', () => {
    const lines = table('run.json', '--gflops', '200', '--mbit=1600', '--latency-ms', '0.5').split('\n');
    expect(lines[0]).toMatch(/^plan +mb +ms\/step +speed-up +sent MB +state MB +saved MB +other MB +total MB$/);
    expect(lines[1]).toMatch(/^DDP +1 /);
    expect(lines.some((line) => line.startsWith('one tab '))).toBe(true);
    expect(lines.at(-1)).toBe('DDP: it fits, and its traffic hides under the backward pass.');
    expect(lines.some((line) => /^\d+ more with --all$/.test(line))).toBe(true);
  });

  test('takes overrides and says what it assumes', () => {
    expect(table('run.json', '--model.vocab=0', '--ranks=2')).toContain('256 is assumed here');
    expect(table('run.json', '--ranks', '2', '--limit-mb', '1')).toContain('does not fit');
  });

  test.each([
    [['--rank', '4'], "Unknown option '--rank'"],
    [['--ranks', 'many'], '--ranks is "many"; it must be a number above 0'],
    [['--ranks', '2.5'], '--ranks 2.5 must be an integer from 1 to 64'],
    [['--model.layer=4'], 'model.layer is not a field'],
  ])('refuses %j', (args, sentence) => {
    expect(() => table('run.json', ...args)).toThrow(sentence);
  });
});

describe('tabs of one machine', () => {
  const here = four.map((one) => ({ ...one, machine: 'a' }));
  const free = { latencyMs: 0, bytesPerMs: 1e12 };
  const step = (plan: Partial<ParallelPlan>, devices: readonly Device[], links = free) =>
    predict(parsePlan({ microbatches: 8, ...plan }), WORK, devices, links).stepMs;
  const alone = step({}, [device]);

  test.each([
    [{ dp: 4 }],
    [{ pp: 4, schedule: 'gpipe' }],
    [{ pp: 4, schedule: '1f1b' }],
    [{ dp: 2, pp: 2 }],
    [{ dp: 2, tp: 2 }],
    [{ tp: 4, microbatches: 1 }],
  ] as const)('take together as long as one alone where links cost nothing: %j', (plan) => {
    expect(step(plan, here) / alone).toBeCloseTo(1, 1);
  });

  test('wait for messages as tabs of several machines do', () => {
    const slow = { latencyMs: 20, bytesPerMs: 12.5e3 };
    const [near, far] = [step({ dp: 4, microbatches: 1 }, here), step({ dp: 4, microbatches: 1 }, here, slow)];
    expect(far).toBeGreaterThan(near + 20);
    expect(step({ pp: 4 }, here, slow)).toBeGreaterThan(step({ pp: 4 }, here));
  });

  test('are as before where every tab has a machine of its own, named or not', () => {
    const named = four.map((one, rank) => ({ ...one, machine: `${rank}` }));
    for (const plan of [{ dp: 4 }, { pp: 4, schedule: '1f1b' }] as const)
      expect(step(plan, named, LAN)).toBe(step(plan, four, LAN));
  });

  test('two of one machine hold up two of others in data parallel', () => {
    const mixed = four.map((one, rank) => (rank < 2 ? { ...one, machine: 'a' } : one));
    expect(step({ dp: 4 }, mixed) / step({ dp: 4 }, four)).toBeCloseTo(2, 1);
  });

  test('are told as the reason why one alone is faster', () => {
    expect(recommend(WORK, here, HOME).why).toContain('one tab alone is faster');
    expect(recommend(WORK, here, HOME).why).toContain('4 of the tabs share one machine');
    expect(recommend(WORK, four, LAN).why).not.toContain('share');
  });
});
