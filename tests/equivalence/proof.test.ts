/**
 * The proof a lecturer asks for, over real trainers and executors: every plan's gradients agree with one tab's, and a
 * number changed on its way is named by its tensor.
 */
import { expect } from 'vitest';
import type { Transport } from '../../src/net/wire/transport';
import { type ParallelPlan, parsePlan } from '../../src/plan/plan';
import { Trace } from '../../src/trace/trace';
import { rankMaker } from '../../src/train/rank/rankmodel';
import { TOLERANCE } from '../../src/train/trainer/asked/tolerance';
import { gpuTest, useGpu } from '../helpers/gpu';
import { type Tab, TrainRoom } from '../helpers/trainroom';

useGpu();

const RUN = {
  model: { layers: 2, heads: 2, dim: 16, hidden: 32, context: 8 },
  data: { source: 'moby-dick' },
  train: { steps: 5, globalBatch: 8, lr: 0.01, evalEvery: 0 },
};

const PLANS: readonly Partial<ParallelPlan>[] = [
  { dp: 2 },
  { dp: 3, zero: 1 },
  { dp: 2, zero: 2, microbatches: 2 },
  { dp: 2, zero: 3 },
  { pp: 2, microbatches: 4 },
  { pp: 2, schedule: 'zb-h1', microbatches: 4 },
  { tp: 2 },
  { dp: 2, pp: 2, microbatches: 2 },
];

function roomOf(plan: ParallelPlan) {
  const peers = Array.from({ length: plan.dp * plan.pp * plan.tp }, (_, rank) => `p${rank}`);
  return { peers, room: new TrainRoom({ ...RUN, plan }, peers) };
}

async function ended(tabs: readonly Tab[]): Promise<void> {
  await Promise.all(tabs.map(({ trainer }) => trainer.finished));
}

for (const given of PLANS) {
  gpuTest(`${JSON.stringify(given)} is proved against one tab alone, by whichever rank was asked`, async (device) => {
    const plan = parsePlan(given);
    const { peers, room } = roomOf(plan);
    const tabs = peers.map((peer) => room.start(peer, { makeRank: rankMaker({ device }), trace: new Trace() }));
    const proofs = [tabs[0]!, tabs.at(-1)!].map(({ trainer }) => trainer.prove());
    room.declare(peers, { plan });
    for (const { step, tensors, parted } of await Promise.all(proofs)) {
      expect(parted).toBe('');
      expect(step).toBeGreaterThan(0);
      expect(tensors.length).toBe(2 + 2 * 12 + 2);
      expect(tensors.some(({ maxAbs }) => maxAbs > 0)).toBe(true);
    }
    await ended(tabs);
    const hashes = tabs.map(({ status }) => status!.weights!.hash);
    expect(hashes.every((hash) => /^[0-9a-f]{64}$/.test(hash))).toBe(true);
    if (plan.pp * plan.tp === 1 && plan.zero < 3) expect(new Set(hashes).size).toBe(1);
  });
}

/** Changes the first number of every message of a line, from the second step on. */
function faulty(transport: Transport, line: string): Transport {
  const send: Transport['send'] = (to, tag, payload) => {
    const isMeant = tag.includes(`/${line}`) && Number(tag.split('/')[1]) >= 1;
    if (!isMeant) return transport.send(to, tag, payload);
    const changed = new Float32Array(payload.slice().buffer);
    changed[0]! += 0.5;
    return transport.send(to, tag, new Uint8Array(changed.buffer));
  };
  return new Proxy(transport, { get: (on, name) => (name === 'send' ? send : bound(on, name)) });
}

function bound(on: Transport, name: string | symbol): unknown {
  const value: unknown = Reflect.get(on, name, on);
  return typeof value === 'function' ? value.bind(on) : value;
}

for (const line of ['REDUCE block1', 'REDUCE head']) {
  gpuTest(`a number changed on its way in ${line} is named by its tensor`, async (device) => {
    const unit = line.split(' ')[1]!;
    const plan = parsePlan({ dp: 2 });
    const { peers, room } = roomOf(plan);
    const tabs = peers.map((peer, rank) => {
      const transport = room.transports.get(peer)!;
      const makeRank = rankMaker({ device });
      return room.start(peer, { makeRank, ...(rank === 1 ? { transport: faulty(transport, line) } : {}) });
    });
    const proof = tabs[0]!.trainer.prove();
    room.declare(peers, { plan });
    const { parted, tensors } = await proof;
    expect(parted.startsWith(`${unit}/`), parted).toBe(true);
    const bad = tensors.filter(({ relativeL2 }) => relativeL2 > TOLERANCE).map(({ name }) => name.split('/')[0]);
    expect(new Set(bad)).toEqual(new Set([unit]));
    await ended(tabs);
  });
}
