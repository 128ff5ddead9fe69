/**
 * Ranks of unequal speed while they train: the room gets shares by their measured speed, once, at a step border, and the
 * losses are those of equal shares. The speed is what the trace says, not what a clock measured.
 */
import { describe, expect, test } from 'vitest';
import { parsePlan } from '../../../src/plan/plan';
import { replicaShares } from '../../../src/plan/shares';
import { Trace } from '../../../src/trace/trace';
import type { RankModel } from '../../../src/train/rank/rankcontract';
import { plainRanks } from '../../helpers/plainrank';
import { smallRun, type Tab, TrainRoom } from '../../helpers/trainroom';

const STEPS = 60;
const PEERS = ['a', 'b', 'c'];
/** Milliseconds of a sample; what is shorter than a step's messages cannot pay for a change of the plan. */
const MS = { a: 4e4, b: 2e4, c: 1e4 };

interface Setting {
  readonly ms?: Readonly<Record<string, number>>;
  readonly plan?: object;
  readonly most?: Readonly<Record<string, number>>;
  readonly balancing?: boolean;
  /** A peer may be sent into reserve. */
  readonly reserves?: boolean;
}

async function train({ ms = MS, plan = {}, most = {}, balancing = true, reserves = false }: Setting) {
  const run = { ...smallRun(STEPS), plan: { dp: 3, ...plan } };
  const globalBatch = 28;
  Object.assign(run, { train: { steps: STEPS, globalBatch, lr: 0.05, evalEvery: 5 } });
  const room = new TrainRoom(run, PEERS);
  const asked: (readonly number[] | string | undefined)[] = [];
  const tabs = PEERS.map((peer): Tab => {
    const make = plainRanks();
    const tab = room.start(peer, {
      trace: new Trace(),
      ...(balancing && {
        balancing: {
          ask: (wanted) => {
            asked.push(wanted.shares);
            room.declare(PEERS.slice(-wanted.dp), { plan: wanted });
          },
          ...(reserves && {
            reserve: (slow: string) => {
              asked.push(slow);
              room.declare(PEERS.filter((one) => one !== slow));
            },
          }),
        },
      }),
      makeRank: async (setting): Promise<RankModel> => {
        const rank = await make(setting);
        return {
          ...rank,
          mostSamples: () => most[peer] ?? globalBatch,
          runStep: (input) => {
            const share = replicaShares(globalBatch, setting.plan)[setting.mesh.rank]!;
            // as the GPU clock does, before the vote of the step
            setting.trace.emit({
              ...{ step: input.step, rank: setting.mesh.rank, lane: 'gpu', name: 'F' },
              ...{ t0: 0, t1: share * ms[peer]!, unit: 1, mb: 0 },
            });
            return rank.runStep(input);
          },
        };
      },
    });
    return tab;
  });
  room.declare(PEERS, { plan: parsePlan(run.plan) });
  const members = reserves ? tabs.slice(1) : tabs;
  const results = await Promise.all(members.map(({ trainer }) => trainer.finished));
  await new Promise((resolve) => setImmediate(resolve));
  return { asked, results, metrics: members[0]!.metrics, generation: room.generation };
}

describe('balancing', () => {
  test('speeds 1 : 2 : 4 get shares 4 : 8 : 16, once; the losses stay those of equal shares, replicas bit-equal', async () => {
    const { asked, results, metrics, generation } = await train({});
    expect(asked).toEqual([[4, 8, 16]]);
    expect(generation).toBe(2);
    expect(new Set(results.map(({ weightsHash }) => weightsHash)).size).toBe(1);
    const equal = await train({ balancing: false });
    expect(equal.generation).toBe(1);
    expect(metrics.map(({ step }) => step)).toEqual(equal.metrics.map(({ step }) => step));
    for (const [i, { loss }] of metrics.entries()) {
      expect(Math.abs(loss / equal.metrics[i]!.loss - 1)).toBeLessThan(1e-5);
    }
  });

  test('ranks whose times differ by less than a fifth change nothing', async () => {
    // shares 10, 9, 9
    expect((await train({ ms: { a: 1.05e4, b: 1e4, c: 1e4 } })).asked).toEqual([]);
  });

  test('shares that the run fixes stay', async () => {
    expect((await train({ plan: { shares: [9, 9, 10] } })).asked).toEqual([]);
  });

  test('a gain that the rest of the run cannot pay for is left', async () => {
    // the passes of a step take next to nothing beside its messages
    expect((await train({ ms: { a: 4e-3, b: 2e-3, c: 1e-3 } })).asked).toEqual([]);
  });

  test('a rank gets no more than its memory holds', async () => {
    expect((await train({ most: { c: 10 } })).asked).toEqual([[6, 12, 10]]);
  });

  test('a rank that is slower with one sample than the others with all waits in reserve; they get their shares', async () => {
    const { asked, metrics } = await train({ ms: { a: 4e5, b: 2e4, c: 1e4 }, reserves: true });
    expect(asked).toEqual(['a', [9, 19]]);
    expect(metrics.map(({ step }) => step)).toEqual(Array.from({ length: STEPS }, (_, step) => step));
  });
});
