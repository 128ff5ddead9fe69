/**
 * A rank of a DiLoCo run killed at every kind of line, on a real device: the others go on, no step and no outer step is
 * lost or done twice. Whether one was done is read from the outer parameters and their momentum that every rank has when
 * it votes: they change once for every turn, and each change is one step of Nesterov's rule.
 */
import { describe, expect } from 'vitest';
import type { Transport } from '../../../src/net/wire/transport';
import { parsePlan } from '../../../src/plan/plan';
import { Trace } from '../../../src/trace/trace';
import { rankMaker } from '../../../src/train/rank/rankmodel';
import { gpu, gpuTest, useGpu } from '../../helpers/gpu';
import { type Tab, TrainRoom } from '../../helpers/trainroom';

useGpu();

const STEPS = 14;
const [LR, MOMENTUM] = [0.7, 0.9];

interface Outer {
  readonly anchor: ReadonlyMap<number, Float32Array>;
  readonly momentum: ReadonlyMap<number, Float32Array>;
}

/** By tab: the outer state when it voted in each step, of the newest attempt; at STEPS, when its rank was closed. */
type Records = Map<string, Map<number, Outer>>;

function runOf(plan: object) {
  return {
    model: { layers: 2, heads: 2, dim: 16, hidden: 32, context: 16, tieEmbeddings: true },
    data: { source: 'moby-dick' },
    train: { steps: STEPS, globalBatch: 9, lr: 5e-3, evalEvery: 0, gradClip: 0.5 },
    plan,
  };
}

interface Kill {
  readonly step: number;
  /** The tab dies when this line of the step has begun on it, */
  readonly line?: string;
  /** or when it sends a message with this text in its tag, for the `nth` time. */
  readonly message?: string;
  readonly nth?: number;
}

/** The transport of a tab that may die: it says which messages the tab sends. */
function watched(plain: Transport, onSend: (tag: string) => void): Transport {
  const send: Transport['send'] = (to, tag, payload) => {
    onSend(tag);
    return plain.send(to, tag, payload);
  };
  return new Proxy(plain, {
    get: (target, name) => {
      if (name === 'send') return send;
      const value = Reflect.get(target, name, target);
      return typeof value === 'function' ? value.bind(target) : value;
    },
  });
}

function start(room: TrainRoom, peer: string, records: Records, die?: { when: Kill; kill: () => void }): Tab {
  const make = rankMaker({ device: gpu() });
  const trace = new Trace();
  let [sent, isDead] = [0, false];
  const kill = () => {
    if (!isDead) die!.kill();
    isDead = true;
  };
  trace.subscribe(({ lane, name, step }) => {
    if (lane === 'host' && name === die?.when.line && step === die.when.step) kill();
  });
  const transport = watched(room.transports.get(peer)!, (tag) => {
    const { step, message, nth = 1 } = die?.when ?? {};
    if (message && tag.split('/')[1] === `${step}` && tag.includes(message) && ++sent === nth) kill();
  });
  const mine = new Map<number, Outer>();
  records.set(peer, mine);
  return room.start(peer, {
    trace,
    transport,
    makeRank: async (setting) => {
      const rank = await make(setting);
      const { outer, instance } = rank.executor;
      const record = (step: number) => {
        const all = (kind: 'anchor' | 'momentum') =>
          new Map(instance.here.map((unit) => [unit, outer!.array(kind, unit).slice()]));
        if (outer!.isActive) mine.set(step, { anchor: all('anchor'), momentum: all('momentum') });
      };
      const { runStep } = rank;
      rank.runStep = (input) => {
        const vote = () => {
          record(input.step);
          return input.vote();
        };
        return runStep({ ...input, vote });
      };
      const close = rank.close.bind(rank);
      rank.close = () => {
        if (mine.has(STEPS - 1)) record(STEPS);
        close();
      };
      return rank;
    },
  });
}

/** The votes before which a unit's outer parameters changed. Checks that each change is one step by Nesterov's rule. */
function turnsOf(mine: ReadonlyMap<number, Outer>, unit: number): number[] {
  const turns: number[] = [];
  const steps = [...mine.keys()].sort((a, b) => a - b);
  for (const [i, step] of steps.slice(1).entries()) {
    const [before, after] = [mine.get(steps[i]!)!, mine.get(step)!];
    const [a, b] = [before.anchor.get(unit)!, after.anchor.get(unit)!];
    const [m, n] = [before.momentum.get(unit)!, after.momentum.get(unit)!];
    if (a.every((x, k) => Object.is(x, b[k]))) continue;
    turns.push(step);
    for (const [k, x] of a.entries()) {
      const delta = n[k]! - MOMENTUM * m[k]!;
      // float32 of values up to 2: some roundings of 1.2e-7 each
      expect(Math.abs(b[k]! - (x - LR * (delta + MOMENTUM * n[k]!)))).toBeLessThan(2e-6);
    }
  }
  return turns;
}

/** The run of `plan` ends with all steps and all turns, `turns` by unit, though the last rank dies as `kill` says. */
async function survive(
  plan: { readonly dp: number; readonly pp?: number; readonly microbatches?: number; readonly outer: object },
  kill: Kill,
  turns: (unit: number) => readonly number[],
) {
  const { dp, pp = 1 } = plan;
  const peers = Array.from({ length: dp * pp }, (_, i) => `p${i}`);
  const rest = peers.slice(0, -pp);
  const room = new TrainRoom(runOf(plan), peers, { latencyMs: 0.2, jitterMs: 1, seed: kill.step });
  const records: Records = new Map();
  const last = peers.at(-1)!;
  const die = () => {
    room.kill(last);
    room.declare(rest, { plan: parsePlan({ ...plan, dp: dp - 1 }) });
  };
  const tabs = peers.map((peer) => start(room, peer, records, peer === last ? { when: kill, kill: die } : undefined));
  for (const { trainer } of tabs.slice(rest.length)) trainer.finished.catch(() => {});
  room.declare(peers, { plan: parsePlan(plan) });
  const results = await Promise.all(tabs.slice(0, rest.length).map(({ trainer }) => trainer.finished));
  for (const { trainer } of tabs.slice(rest.length)) trainer.stop();
  await new Promise((resolve) => setImmediate(resolve));
  expect(room.generation, 'the rank has died').toBe(3);
  expect(tabs[0]!.metrics.map(({ step }) => step)).toEqual(Array.from({ length: STEPS }, (_, step) => step));
  for (let p = 0; p < pp; p++) {
    const hashes = results.filter((_, rank) => rank % pp === p).map(({ weightsHash }) => weightsHash);
    expect(new Set(hashes).size).toBe(1);
  }
  for (const peer of rest) {
    const mine = records.get(peer)!;
    for (const unit of mine.get(STEPS)!.anchor.keys()) {
      expect(turnsOf(mine, unit), `${peer}, unit ${unit}`).toEqual(turns(unit));
    }
  }
}

const KILLS: readonly Kill[] = [
  // an exact step
  ...['F', 'B', 'REDUCE', 'NORM', 'STEP'].map((line) => ({ step: 2, line })),
  // a step apart, and one with an outer step after it
  ...['F', 'B', 'NORM', 'STEP'].map((line) => ({ step: 4, line })),
  ...['F', 'B', 'NORM', 'STEP', 'OUTER'].map((line) => ({ step: 5, line })),
  ...[1, 2].map((nth) => ({ step: 5, message: 'NORM', nth })),
  ...[1, 2, 3, 5, 8, 12, 16].map((nth) => ({ step: 5, message: 'OUTER', nth })),
  { step: 6, line: 'F' },
  // the run's last step
  ...['B', 'NORM', 'STEP', 'OUTER'].map((line) => ({ step: 13, line })),
  ...[1, 6, 12].map((nth) => ({ step: 13, message: 'OUTER', nth })),
];

describe('replicas of one rank', () => {
  const outer = { every: 3, lr: LR, momentum: MOMENTUM, from: 4 };
  for (const kill of KILLS) {
    gpuTest(JSON.stringify(kill), () => survive({ dp: 3, outer }, kill, () => [6, 9, 12, 14]));
  }
});

describe('fragments with a delay', () => {
  const outer = { every: 6, lr: LR, momentum: MOMENTUM, fragments: 2, delay: 1, mix: 0.5 };
  // embedding and block 0 are the first fragment, block 1 and head the second
  const turns = (unit: number) => (unit < 2 ? [3, 9, 14] : [6, 12, 14]);
  for (const kill of [
    { step: 4, line: 'OUTER' },
    { step: 5, line: 'F' },
    { step: 5, line: 'NORM' },
    { step: 5, line: 'OUTER' },
    ...[1, 4, 8].map((nth) => ({ step: 4, message: 'OUTER', nth })),
    { step: 6, line: 'NORM' },
    { step: 7, line: 'B' },
    { step: 13, line: 'OUTER' },
  ]) {
    gpuTest(JSON.stringify(kill), () => survive({ dp: 3, outer }, kill, turns));
  }
});

describe('replicas of a pipeline, with a fragment on each stage', () => {
  const outer = { every: 6, lr: LR, momentum: MOMENTUM, fragments: 2 };
  const turns = (unit: number) => (unit < 2 ? [3, 9, 14] : [6, 12, 14]);
  for (const kill of [
    ...['F', 'RECV', 'SEND', 'B', 'TIE', 'NORM', 'STEP', 'OUTER'].map((line) => ({ step: 5, line })),
    ...[1, 4].map((nth) => ({ step: 5, message: 'OUTER', nth })),
    { step: 7, line: 'F' },
    { step: 13, line: 'OUTER' },
  ]) {
    gpuTest(JSON.stringify(kill), () => survive({ dp: 3, pp: 2, microbatches: 2, outer }, kill, turns));
  }
});
