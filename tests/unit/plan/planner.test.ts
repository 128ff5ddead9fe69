import { describe, expect, test } from 'vitest';
import { planTable } from '../../../src/cli/planning/plantable';
import { collectiveMs } from '../../../src/plan/linkcosts';
import { type ParallelPlan, parsePlan } from '../../../src/plan/plan';
import { deviceOfSpeed, predict, type Recommendation, recommend } from '../../../src/plan/planner';
import type { Device } from '../../../src/plan/prediction';
import { programsOf } from '../../../src/plan/simulate';
import type { ModelShape } from '../../../src/plan/sizes';
import { nameOf } from '../../../src/plan/why';
import { recordedSizes } from '../../../src/train/rank/modelsizes';

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
const MODEL = recordedSizes(SMALL);
const WORK = { model: MODEL, globalBatch: 32 };
const device = deviceOfSpeed(MODEL, 200e6, 4e9);
const four = [device, device, device, device];
const LAN = { latencyMs: 0.5, bytesPerMs: 200e3 };
const HOME = { latencyMs: 2, bytesPerMs: 12.5e3 };

const sum = (values: readonly number[]) => values.reduce((a, b) => a + b, 0);

describe('sizes', () => {
  test('GPT-2 small has 124,439,808 parameters', () => {
    const shape = { ...SMALL, layers: 12, heads: 12, kvHeads: 12, dim: 768, hidden: 3072, context: 1024, vocab: 50257 };
    const floats = sum(
      recordedSizes(shape)
        .units(1, 1)
        .map(({ paramFloats }) => paramFloats),
    );
    // why 64: every tensor begins at a multiple of 4 floats
    expect(Math.abs(floats - 124_439_808)).toBeLessThan(64);
  });

  test('the head of a large vocabulary computes its logits again in both parts of the backward', () => {
    const [small, large] = [4096, 50257].map(
      (vocab) =>
        recordedSizes({ ...SMALL, vocab })
          .units(1, 1)
          .at(-1)!.flops,
    );
    const product = (vocab: number) => 2 * SMALL.context * SMALL.dim * vocab;
    expect(small).toEqual({ F: product(4096), I: product(4096), W: product(4096) });
    expect(large).toEqual({ F: product(50257), I: 2 * product(50257), W: 2 * product(50257) });
  });

  test('the backward of attention is 3.5 of its forward', () => {
    // of two lengths of text only the attention differs by more than the length
    const [short, long] = [128, 256].map((context) => recordedSizes({ ...SMALL, context }).units(1, 1)[1]!.flops);
    const attention = (op: 'F' | 'I' | 'W') => long![op] - 2 * short![op];
    expect(attention('I') / attention('F')).toBeCloseTo(3.5, 12);
    expect(attention('W')).toBe(0);
  });
});

describe('memory', () => {
  const model = recordedSizes({ ...SMALL, tieEmbeddings: false });
  const params = sum(model.units(4, 1).map(({ paramFloats }) => paramFloats));
  const at = (fields: object, sequences: number, rank: number) => {
    const plan = parsePlan(fields);
    return model.memory(plan, Array(plan.dp).fill(sequences), programsOf(plan, model.units(plan.dp, plan.tp)))[rank]!;
  };

  // bytes of model state per parameter with fp32 Adam: 16, 8 + 8/N, 4 + 12/N, 16/N
  test.each([
    [0, 16],
    [1, 10],
    [2, 7],
    [3, 4],
  ])('zero %i over 4 ranks holds %i bytes per parameter', (zero, bytes) => {
    const { param, grad, moment } = at({ dp: 4, zero }, 8, 0);
    expect((param + grad + moment) / params).toBeCloseTo(bytes);
  });

  test('saved activations follow the slots, and recompute keeps only inputs', () => {
    const saved = (fields: object) => at({ pp: 4, microbatches: 8, ...fields }, 1, 1).saved;
    expect(saved({ schedule: 'gpipe' }) / saved({})).toBeCloseTo(8 / 3);
    expect(saved({ recompute: true })).toBeLessThan(saved({}) / 10);
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
    const params = 4 * sum(MODEL.units(4, 1).map(({ paramFloats }) => paramFloats));
    expect(bytesPerStep).toBeCloseTo((2 * 3 * params) / 4);
    // per layer and microbatch 32 b s h (t - 1) / t, and embedding, loss and head as listed
    const tp = predict(parsePlan({ tp: 2 }), WORK, [device, device], LAN);
    const bsh = 32 * 256 * 384;
    const rest = (2 * bsh + 3 * 32 * 256) * 4;
    expect(tp.bytesPerStep).toBeCloseTo((6 * 32 * bsh + 2 * rest) / 2);
  });

  test('a slow device in a stage slows the pipeline', () => {
    const slow = deviceOfSpeed(MODEL, 50e6, 4e9);
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
      recommend(
        { model: recordedSizes({ ...SMALL, heads: 1, kvHeads: 1 }), globalBatch: 1 },
        Array(16).fill(device),
        LAN,
      ),
    ).toThrow('no plan runs 1 sequences a step on 16 ranks');
  });
});

describe('npm run plan', () => {
  const file = JSON.stringify({ model: SMALL, train: { globalBatch: 32 }, plan: { dp: 64 } });
  const table = (...args: string[]) => planTable(args, () => file);

  test('prints the ranked plans, one tab for comparison, and why', () => {
    const lines = table('run.json', '--gflops', '200', '--mbit=1600', '--latency-ms', '0.5').split('\n');
    expect(lines[0]).toMatch(/^plan +mb +ms\/step +speed-up +sent MB +state MB +saved MB +scratch MB +total MB$/);
    expect(lines[1]).toMatch(/^DDP +1 /);
    expect(lines.some((line) => line.startsWith('one tab '))).toBe(true);
    expect(lines.at(-1)).toBe('DDP: it fits, and its traffic hides under the backward pass.');
    expect(lines.some((line) => /^\d+ more with --all$/.test(line))).toBe(true);
  });

  test('lists approximate plans only where they are asked for, each marked', () => {
    const slow = ['--gflops', '200', '--mbit', '20', '--latency-ms', '10'];
    expect(table('run.json', ...slow, '--all')).not.toContain('approximate');
    const [, text] = table('run.json', ...slow, '--approximate').split('\n\nApproximate: ');
    const rows = text!.split('\n').slice(2);
    expect(rows).toHaveLength(13);
    for (const row of rows) expect(row).toContain(', approximate ');
    const speedUp = (name: string) => Number(/([\d.]+)x/.exec(rows.find((row) => row.startsWith(name))!)![1]);
    expect(speedUp('DiLoCo every 50, int8')).toBeGreaterThan(speedUp('DDP, int8'));
    expect(table('run.json', '--ranks', '1', '--approximate')).toContain('No approximate plan runs');
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
    [{ pp: 2, tp: 2, schedule: 'gpipe' }],
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
