/**
 * The executor and the simulator wait for the same things: one message or collective after the other is held back, in the
 * same programs, and the lines at which the ranks stop are compared. What ends only by itself (a sum of a tp group) costs
 * the simulator time and is not a message of its own.
 */
import { describe, expect, onTestFinished } from 'vitest';
import { unitSizes } from '../../src/model/model';
import type { Transport } from '../../src/net/wire/transport';
import type { Costs, SimulatedCluster } from '../../src/plan/costs';
import { makeMesh } from '../../src/plan/mesh';
import { parsePlan } from '../../src/plan/plan';
import { clusterOf } from '../../src/plan/simulate';
import { SimulatedRank } from '../../src/plan/simulatedrank';
import { Run } from '../../src/plan/simulatedrun';
import { Trace } from '../../src/trace/trace';
import { batchOf, samplesOf, targetsOf } from '../../src/train/data/data';
import { rankMaker } from '../../src/train/rank/rankmodel';
import { type ModelConfig, parseRunFile, type RunFile } from '../../src/train/runfile';
import { seedElements, stateFrom } from '../../src/train/state/elements';
import { holdingOf } from '../../src/train/state/holding';
import { gpuTest, useGpu } from '../helpers/gpu';
import { memoryTransports } from '../helpers/memory';

useGpu();

const STEPS = 2;
const COSTS: Costs = {
  passMs: () => 1,
  stepMs: () => 0,
  borderBytes: 4,
  links: { latencyMs: 0.1, bytesPerMs: 1000 },
};

/** The step of a name of the simulator, and its text: `0 REDUCE head`, whichever ranks take part. */
const keyOf = (name: string) => name.replace(/^(\d+) \S+ /, '$1 ');

/** A simulation in which a line's messages or collectives never end, whichever ranks they are of. */
class LateRun extends Run {
  readonly keys = new Set<string>();

  constructor(
    cluster: SimulatedCluster,
    readonly late: string,
  ) {
    super(cluster, COSTS);
  }

  override message(name: string) {
    return this.#late(name, super.message(name));
  }

  override meeting(name: string, members: readonly number[]) {
    return this.#late(name, super.meeting(name, members));
  }

  #late<T extends object>(name: string, pending: T): T {
    if (!name.endsWith('NORM')) this.keys.add(keyOf(name));
    if (keyOf(name) === this.late) Object.defineProperty(pending, 'endMs', { get: () => undefined, set: () => {} });
    return pending;
  }
}

/** By rank, the lines that ran when nothing goes on any more; and the names of everything that is sent. */
function simulated(cluster: SimulatedCluster, late = '') {
  const run = new LateRun(cluster, late);
  const ranks = cluster.seats.map((seat) => new SimulatedRank(run, seat, STEPS));
  for (let moved = true; moved; ) {
    moved = false;
    for (const rank of ranks) while (rank.advance()) moved = true;
  }
  return { keys: [...run.keys], linesRun: ranks.map(({ linesRun }) => linesRun) };
}

/** Whether a message with this tag (`generation/step/line/...`) is part of what the simulator calls `key`. */
function isPartOf(key: string, tag: string): boolean {
  const [, step, line, ...rest] = tag.split('/');
  return `${step} ${line}` === key && !rest[0]?.startsWith('tp');
}

/** A transport that keeps back what `isHeld` says, until it is released. */
function holding(transport: Transport, isHeld: (tag: string) => boolean) {
  const held: (() => Promise<void>)[] = [];
  const send: Transport['send'] = async (to, tag, payload) => {
    if (!isHeld(tag)) return transport.send(to, tag, payload);
    const copy = payload.slice();
    held.push(() => transport.send(to, tag, copy));
  };
  const through: Transport = {
    self: transport.self,
    send,
    recv: (from, tag, signal) => transport.recv(from, tag, signal),
    sizeOf: (tag, payloadBytes) => transport.sizeOf(tag, payloadBytes),
    release: (from, payload) => transport.release(from, payload),
    enterGeneration: (generation) => transport.enterGeneration(generation),
    onPeers: (listener) => transport.onPeers(listener),
    stats: () => transport.stats(),
    flush: () => transport.flush(),
    close: () => transport.close(),
  };
  return {
    transport: through,
    release: () => Promise.all(held.splice(0).map((one) => one())),
  };
}

/** As small as a model can be that has two stages of two chunks; kvHeads 2 on tp 4 are shared. */
function runFile(arch: ModelConfig['arch'], plan: Record<string, unknown>): RunFile {
  const kvHeads = arch === 'llama' ? 2 : 4;
  return parseRunFile({
    model: { arch, layers: 2, heads: 4, kvHeads, dim: 16, hidden: 32, context: 4, vocab: 16 },
    data: { source: 'tokens:none', order: 'sequential' },
    train: { globalBatch: 4, steps: 100 },
    plan,
  });
}

const CASES: readonly (readonly [ModelConfig['arch'], Record<string, unknown>])[] = [
  ['gpt2', { dp: 2, zero: 1 }],
  ['gpt2', { dp: 2, pp: 2, microbatches: 2, zero: 1 }],
  ['gpt2', { pp: 2, microbatches: 2, schedule: 'zb-v' }],
  ['llama', { dp: 2, tp: 4, zero: 3 }],
];

describe('what a line waits for', () => {
  for (const [name, fields] of CASES) {
    gpuTest(`${name} ${JSON.stringify(fields)}`, async (device) => {
      const run = runFile(name, fields);
      const plan = parsePlan(fields);
      const units = unitSizes(run.model, plan.dp, { size: plan.tp, rank: 0 });
      const cluster = clusterOf(plan, units);
      const size = cluster.seats.length;
      let late = '';
      const links = memoryTransports(size, { jitterMs: 0, seed: 1 }).map((transport) =>
        holding(transport, (tag) => isPartOf(late, tag)),
      );
      const lines = Array<number>(size).fill(0);
      const ops = new Set(cluster.seats.flatMap(({ actions }) => actions.map(({ op }) => op as string)));
      const peers = links.map(({ transport }) => transport.self);
      const { signal } = new AbortController();
      const ranks = await Promise.all(
        links.map(async ({ transport }, at) => {
          const mesh = makeMesh(1, peers, at, plan);
          const trace = new Trace();
          trace.subscribe(({ lane, name: op }) => {
            if (lane === 'host' && ops.has(op)) lines[at]!++;
          });
          const rank = await rankMaker({ device })({ run, plan, mesh, transport, signal, trace });
          onTestFinished(() => rank.close());
          await rank.write(await stateFrom(seedElements(run.model, 1), holdingOf(run.model, plan, mesh)));
          return { rank, mesh };
        }),
      );
      const { globalBatch } = run.train;
      const { context } = run.model;
      const text = Uint16Array.from({ length: 100 }, (_, i) => (i * i) % 16);
      const samples = samplesOf(text, { order: 'sequential', seed: 1, context, globalBatch, steps: 1 });
      const train = async (first: number) => {
        const all = ranks.map(async ({ rank, mesh }) => {
          for (let step = first; step < first + STEPS; step++) {
            const microbatches = batchOf(samples, 0, { ...plan, globalBatch, d: mesh.coord.dp });
            const targets = targetsOf(samples, 0, { ...plan, globalBatch });
            await rank.runStep({ step, lr: 0, microbatches, targets, vote: () => [] });
          }
        });
        await Promise.all(all);
      };
      const { keys, linesRun: whole } = simulated(cluster);
      expect(keys.length).toBeGreaterThan(3);
      for (const [turn, one] of keys.filter(isChosen).entries()) {
        const { linesRun } = simulated(cluster, one);
        const first = STEPS * turn;
        late = one.replace(/^\d+/, (step) => `${first + Number(step)}`);
        lines.fill(0);
        const training = train(first);
        for (let tries = 0; tries < 500 && `${lines}` !== `${linesRun}`; tries++) await pause(4);
        await pause(20);
        expect(`${lines}`, `lines run while "${one}" is held back`).toBe(`${linesRun}`);
        late = '';
        await Promise.all(links.map(({ release }) => release()));
        await training;
        expect(lines).toEqual(whole);
      }
    });
  }
});

/** Of many alike, some: the first of each kind in each step, and every ninth. */
function isChosen(key: string, at: number, all: readonly string[]): boolean {
  const kind = (one: string) => one.split(' ').slice(0, 2).join(' ');
  return at % 9 === 0 || all.findIndex((other) => kind(other) === kind(key)) === at;
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
